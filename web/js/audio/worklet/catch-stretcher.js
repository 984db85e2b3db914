// Has to be imported before the stretching library: keeps the processor that it registers, to build another on it.

const register = globalThis.registerProcessor;
globalThis.registerProcessor = (name, processor) => {
  globalThis.registerProcessor = register;
  globalThis.CaughtStretcher = processor;
};
