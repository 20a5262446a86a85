// The address of the module, as a bundler gives it for `import wasmUrl from 'trailmark/sdk_bg.wasm'`: webpack with `asset/resource`,
// Parcel and esbuild with its `file` loader. With Vite the same is `trailmark/sdk_bg.wasm?url`, which Vite types itself.
declare const wasmUrl: string;
export default wasmUrl;
