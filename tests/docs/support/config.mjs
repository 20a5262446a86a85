// Checks of snippets for programs that a test machine need not have: small readers of nginx's, Caddy's and systemd's
// files, which know their grammar and the few words that the pages use. They find a slip of the pen, not a wrong
// design; the programs themselves are asked too where they are installed.

import assert from 'node:assert/strict';

/** nginx: directives that end in `;`, blocks in braces. Gives `[words, block or null]` by line of thought. */
export function nginx(text) {
  const tokens = text.replace(/#.*$/gm, '').match(/"[^"]*"|[{};]|[^\s{};"]+/g) ?? [];
  const block = () => {
    const found = [];
    let words = [];
    while (tokens.length > 0) {
      const token = tokens.shift();
      if (token === ';') {
        assert.ok(words.length > 1, `the directive ${words} has a value`);
        found.push([words, null]);
        words = [];
      } else if (token === '{') {
        found.push([words, block()]);
        words = [];
      } else if (token === '}') {
        assert.deepEqual(words, [], 'a directive before } ends in ;');
        return found;
      } else words.push(token);
    }
    assert.deepEqual(words, [], 'the last directive ends in ;');
    return found;
  };
  return block();
}

/** Caddy: words by line, blocks in braces at the line's end. */
export function caddy(text) {
  const root = [];
  const open = [root];
  for (const line of text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'))) {
    const words = line.split(/\s+/);
    if (line === '}') {
      open.pop();
      assert.ok(open.length > 0, 'every } closes a block');
    } else if (words.at(-1) === '{') {
      const inner = [];
      open.at(-1).push([words.slice(0, -1), inner]);
      open.push(inner);
    } else open.at(-1).push([words, null]);
  }
  assert.equal(open.length, 1, 'every block is closed');
  return root;
}

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
