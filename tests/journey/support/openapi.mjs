// Judges exchanges of Introw's list of partners by the OpenAPI document of seed 003, with the validator of openapi-backend. The
// document is `crates/trailmark-vendors/fixtures/introw/openapi.json`; a test beside the adapter holds it to the seed's text.
// An exchange is a line that the simulator writes (`crates/trailmark-simulator/src/exchanges.rs`).
//
// The validator leaves two things to servers, so they are looked at here: the security scheme, and statuses that the
// document does not have.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { OpenAPIBackend } from 'openapi-backend';

import { ROOT } from './product.mjs';

const FIXTURES = join(ROOT, 'crates/trailmark-vendors/fixtures/introw');

/** An answer that the adapter's own tests read. */
export const fixture = (name) => JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'));

export const DOCUMENT = fixture('openapi.json');
export const OPERATION = DOCUMENT.paths['/api/v1/partners'].get;

// What the library's own reading of the document refuses is right in 3.1 (`propertyNames`), so it only validates exchanges.
const formats = { 'date-time': (text) => !Number.isNaN(Date.parse(text)) };
const api = new OpenAPIBackend({ definition: DOCUMENT, quick: true, coerceTypes: true, ajvOpts: { formats } });
await api.init();
export const { validator } = api;

/** The lines of a file that the simulator wrote. */
export const exchangesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

/** What the document says against a list of errors of the validator. */
const told = (side, { errors }) => (errors ?? []).map((one) => `${side}${one.instancePath}: ${one.message}`);

/** What the document says against a request. */
export function faultsOfRequest({ method, path, query, headers }) {
  const address = `${path.replace(/^\/[^/]+/, '')}?${new URLSearchParams(query)}`;
  const found = told('request', validator.validateRequest({ method, path: address, headers }, 'listPartners'));
  for (const scheme of DOCUMENT.security.flatMap(Object.keys)) {
    const { in: place, name } = DOCUMENT.components.securitySchemes[scheme];
    if (place !== 'header' || !headers[name]) found.push(`request: no ${name} in the ${place}`);
  }
  return found;
}

/** What the document says against an answer. */
export function faultsOfAnswer({ status, answered, text }) {
  const documented = OPERATION.responses[status];
  if (!documented) return [`answer: status ${status} is not documented`];
  const [type] = (answered['content-type'] ?? '').split(';');
  if (!documented.content[type]) return [`answer: content type ${type} is not documented`];
  const headers = validator.validateResponseHeaders(answered, 'listPartners', { statusCode: status, setMatchType: 'superset' });
  return [...told('answer', validator.validateResponse(JSON.parse(text), 'listPartners', status)), ...told('answer', headers)];
}
