// The bench's server: the pages, the files of all that are compared with the same compression and the same headers, and the
// answers of the peers' backends. Everything else goes to the proxy. Knows nobody of those that are compared.

import { createServer, request } from 'node:http';
import { brotliCompressSync } from 'node:zlib';

/** `{ origin, posted, file(path, file), answer(path, answer), to(site), close() }`. */
export async function serve() {
  const [own, posted] = [new Map(), []];
  let site;
  const server = createServer((incoming, answer) => {
    const [path] = incoming.url.split('?');
    if (incoming.method === 'POST') posted.push(path);
    const found = own.get(path);
    if (found) {
      incoming.resume();
      answer.writeHead(found.status, found.headers);
      return answer.end(found.body);
    }
    const { hostname: host, port } = site;
    const outgoing = request({ host, port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (reply) => {
      answer.writeHead(reply.statusCode, reply.rawHeaders);
      reply.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const set = (path, { status = 200, type, body }, headers) =>
    own.set(path, { status, body, headers: { 'content-type': type, ...headers, 'content-length': Buffer.byteLength(body) } });
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** The paths that pages have posted to. */
    posted,
    /** Serves a file, `{ type, body }`, compressed as well as brotli can. */
    file: (path, { type, body }) => set(path, { type, body: brotliCompressSync(body) }, { 'content-encoding': 'br' }),
    /** Answers a path with `{ status, type, body }`. */
    answer: set,
    /** Where everything else leads. */
    to: (address) => (site = new URL(address)),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
