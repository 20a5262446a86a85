// Glue and module of another build, made of those of this one. Both have a name that no other build has: that of the module's first
// import (xtask/src/build_sdk.rs). Holds no assertions.

/** The name that glue and module of one build share. */
export const markOf = async (module) => WebAssembly.Module.imports(await WebAssembly.compile(module))[0].name;

/** The same glue or module with another name in its place. */
export const ofOtherBuild = (bytes, mark) => Buffer.from(bytes.toString('latin1').replaceAll(mark, '_00000000'), 'latin1');
