/** Entry of a thread with one graph. Plain JavaScript: threads load it as it is, from the sources too. */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { bytes, settings, stop, shapes } = workerData;
const session = await InferenceSession.create(bytes, settings);

/** @param {Record<string, Float32Array | Float64Array>} arrays */
const tensors = (arrays) =>
  Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, new Tensor(data, shapes[name])]));

parentPort?.on('message', async (arrays) => {
  if (!arrays) {
    await session.release();
    parentPort?.close();
    return;
  }
  const feeds = Object.entries(tensors(arrays.feeds)).filter(([name]) => session.inputNames.includes(name));
  let fault;
  try {
    await session.run(Object.fromEntries(feeds), { ...(stop && { [stop.name]: null }), ...tensors(arrays.results) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!stop || !message.startsWith(stop.message)) fault = message;
  }
  const buffers = [...Object.values(arrays.feeds), ...Object.values(arrays.results)].map(({ buffer }) => buffer);
  parentPort?.postMessage({ arrays, fault }, buffers);
});
parentPort?.postMessage('ready');
