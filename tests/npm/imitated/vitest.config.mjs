// Vitest with the same document.
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { environment: 'jsdom', include: ['vitest.spec.mjs'] } });
