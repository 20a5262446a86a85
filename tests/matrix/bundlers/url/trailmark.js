// The same for a tool that makes a file's address of an import, as esbuild does with `--loader:.wasm=file`.
import { init } from 'trailmark';
import wasmUrl from 'trailmark/sdk_bg.wasm';

export const trailmark = init({ site: 'acme', consent: 'granted', wasmUrl });
