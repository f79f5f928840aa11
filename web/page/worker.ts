/** A sampling worker: one side of the stage. */
import { type Simulation, simulation } from '../stage/simulation.ts';
import type { Frame, Reply, Request } from './protocol.ts';

let sampler: Simulation | undefined;
let run = 0;
let chains = 0;

const reply = (message: Reply) => postMessage(message);

function frame(of: Simulation, chains: number): Frame {
  const positions = new Float32Array(2 * chains);
  const velocities = new Float32Array(2 * chains);
  of.positions(positions);
  of.velocities(velocities);
  return { readout: of.readout(), positions, velocities, flashes: of.flashes(), histograms: of.histograms };
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  try {
    if (data.type === 'start') {
      run = data.run;
      chains = data.settings.chains;
      sampler = undefined;
      sampler = simulation(data.settings, data.settings[data.side]);
    } else if (sampler) {
      sampler.advance(data.gradients);
    }
    if (sampler) reply({ type: 'frame', run, frame: frame(sampler, chains), theta: sampler.state.theta.slice() });
  } catch (error) {
    reply({ type: 'error', run, message: (error as Error).message });
  }
});
