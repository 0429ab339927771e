// A registry that serves image layouts of a folder, as much of the protocol as pulling needs (OCI distribution
// specification, v1.1). Run by the runtime of bootc: node registry.mjs FOLDER PORT. The image NAME is the layout FOLDER/NAME.
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [folder, port] = process.argv.slice(2);

function manifestOf(name) {
  return JSON.parse(readFileSync(join(folder, name, 'index.json'), 'utf8')).manifests[0];
}

function send(request, response, { path, digest, type }) {
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', statSync(path).size);
  response.setHeader('Docker-Content-Digest', digest);
  if (request.method === 'HEAD') response.end();
  else createReadStream(path).pipe(response);
}

createServer((request, response) => {
  const match = /^\/v2\/([^/]+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url);
  try {
    if (request.url === '/v2/') {
      response.end('{}');
      return;
    }
    const [, name, kind, reference] = match;
    const manifest = manifestOf(name);
    const digest = reference.startsWith('sha256:') ? reference : manifest.digest;
    const type = kind === 'manifests' ? manifest.mediaType : 'application/octet-stream';
    send(request, response, { path: join(folder, name, 'blobs', digest.replace(':', '/')), digest, type });
  } catch {
    response.statusCode = 404;
    response.setHeader('Content-Type', 'application/json');
    response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  }
}).listen(Number(port), '127.0.0.1');
