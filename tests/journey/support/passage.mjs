// A server that stands between pages and the product, as a slow network does: passes everything on, remembers what was posted, and
// keeps what a test tells it to until it may go. Serves pages of a test's own beside that, as a stranger's server does. Holds no
// assertions.

import { createServer, request } from 'node:http';

/** `{ url, posted, asked, seen, to(site), hold(path), serve(path, type, text, how), close() }`. */
export async function passage() {
  const [posted, asked, seen, held, own] = [[], [], [], new Map(), new Map()];
  let site;
  const server = createServer(async (incoming, answer) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = incoming.url.split('?')[0];
    asked.push(`${incoming.method} ${path}`);
    seen.push([`${incoming.method} ${incoming.url}`, ...incoming.rawHeaders, body].join('\n'));
    if (incoming.method === 'POST') posted.push({ path, body: body.toString(), headers: incoming.headers });
    const page = own.get(path);
    if (page || !site) {
      answer.writeHead(page?.status ?? 404, { 'content-type': page?.type ?? 'text/plain', 'access-control-allow-origin': '*', ...page?.headers });
      return answer.end(page?.text);
    }
    await held.get(`${incoming.method} ${path}`);
    const options = { method: incoming.method, headers: incoming.headers, host: site.hostname, port: site.port, path: incoming.url };
    const outgoing = request(options, (reply) => {
      answer.writeHead(reply.statusCode, reply.rawHeaders);
      reply.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    outgoing.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What was posted so far: `{ path, body, headers }`. */
    posted,
    /** Method and path of all requests so far. */
    asked,
    /** The same requests whole, with headers and body. */
    seen,
    /** Where everything leads. */
    to: (address) => (site = new URL(address)),
    /** Keeps requests such as `POST /tm/v1/clicks` from now on; gives what lets them go. */
    hold: (line) => {
      let go;
      held.set(line, new Promise((resolve) => (go = resolve)));
      return go;
    },
    /** Answers a path by itself. */
    serve: (path, type, text, { status = 200, headers = {} } = {}) => own.set(path, { type, text, status, headers }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
