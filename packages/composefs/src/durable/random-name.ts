/** Letters and digits for a name that nobody else has. */
export function randomLetters(count: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const numbers = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(numbers, (number) => alphabet[number % alphabet.length]).join('');
}
