/** The half of the template compiler that is JavaScript. The other half is WebAssembly. */
declare module 'glass-easel-template-compiler/pkg/glass_easel_template_compiler_bg.js' {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void
  export const TmplGroup: new () => import('./folder').Compiler
}
