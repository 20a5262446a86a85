// Reads a systemd unit by its grammar alone; a test machine need not have systemd.

import assert from 'node:assert/strict';

/** An ini file as `{ section: { key: value } }`. */
export function ini(text) {
  const sections = {};
  let section;
  for (const line of text.split('\n').filter((line) => line.trim() && !line.startsWith('#'))) {
    const header = line.match(/^\[([A-Za-z]+)\]$/);
    const pair = line.match(/^([A-Za-z]+)=(.+)$/);
    assert.ok(header || (pair && section), `${line} is a header or a pair`);
    if (header) section = sections[header[1]] = {};
    else section[pair[1]] = pair[2];
  }
  return sections;
}
