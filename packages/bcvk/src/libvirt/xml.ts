/** An attribute value; undefined leaves the attribute out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;
/** A child: an element made by {@link element}, a text by {@link text}, or nothing. */
export type XmlChild = XmlNode | XmlText | undefined;

interface XmlNode {
  name: string;
  attributes: Attributes;
  children: readonly XmlChild[];
}
interface XmlText {
  text: string;
}

/** One element. */
export function element(name: string, attributes: Attributes = {}, ...children: XmlChild[]): XmlNode {
  return { name, attributes, children };
}

/** An element that holds only a text. */
export function textElement(name: string, text: string | number, attributes: Attributes = {}): XmlNode {
  return element(name, attributes, { text: String(text) });
}

/** The XML text of an element, two spaces a level, each element on its line; attributes in double quotes. */
export function renderXml(node: XmlNode, indent = ''): string {
  const attributes = Object.entries(node.attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
  const children = node.children.filter((child) => child !== undefined);
  const open = `${indent}<${node.name}${attributes}`;
  if (children.length === 0) return `${open}/>\n`;
  const [first] = children;
  if (children.length === 1 && first !== undefined && 'text' in first) {
    return `${open}>${escapeXml(first.text)}</${node.name}>\n`;
  }
  const inner = children.map((child) => ('text' in child ? escapeXml(child.text) : renderXml(child, `${indent}  `)));
  return `${open}>\n${inner.join('')}${indent}</${node.name}>\n`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
