/** A page's side of the engine's tests. */
import { type BrowserDevice, compile, inspectDevice } from '../../src/engine/browser.ts';
import { type NetworkName, posteriorOf } from './networks.ts';

const engine = {
  inspectDevice,
  posteriorOf: (name: NetworkName, device: BrowserDevice) => posteriorOf(name, (graph) => compile(graph, { device })),
};
export type EnginePage = typeof engine;

Object.assign(globalThis, { engine });
