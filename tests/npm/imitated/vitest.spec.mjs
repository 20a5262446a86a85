// Run by Vitest.
import { init } from 'trailmark';
import { expect, test } from 'vitest';

import checks from './checks.cjs';

test('a signup is answered', () => checks(init, expect));
