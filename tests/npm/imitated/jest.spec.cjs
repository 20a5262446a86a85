// Run by Jest.
const { init } = require('trailmark');
const checks = require('./checks.cjs');

test('a signup is answered', () => checks(init, expect));
