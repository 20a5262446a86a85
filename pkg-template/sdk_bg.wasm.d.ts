// There is nothing to import from the module but its address, which a bundler gives and types, such as Vite for
// `import wasmUrl from 'trailmark/sdk_bg.wasm?url'`.
export {};
