/** smile in browsers: graphs through onnxruntime-web, models, samplers, targets and scores. The names of `smile-bayes/browser`. */
export { type BrowserDevice, compile, DEVICES, inspectDevice } from './engine/browser.ts';
export * from './everywhere.ts';
