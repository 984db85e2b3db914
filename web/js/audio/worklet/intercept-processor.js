// Must be imported before the stretching library: intercepts the processor class that it registers, so that
// `stretched-source.js` can derive from it.

const register = globalThis.registerProcessor;
globalThis.registerProcessor = (name, processor) => {
  globalThis.registerProcessor = register;
  globalThis.StretcherProcessor = processor;
};
