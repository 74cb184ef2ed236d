// Draws a scene as raw RGB pictures on standard output: SCENE WIDTHxHEIGHT FRAMES.
// lib/simulator/clips/make-clips.sh encodes them.

import { once } from 'node:events';
import { Canvas } from './canvas.js';
import { SCENES } from './scenes.js';

async function main([name = '', size = '', count = '']: string[]): Promise<void> {
  const scene = SCENES[name];
  if (scene === undefined) throw new Error(`No scene ${name}: ${Object.keys(SCENES).join(', ')}`);
  const [width, height] = size.split('x').map(Number) as [number, number];
  const still = new Canvas(width, height);
  scene.still(still);
  const frame = new Canvas(width, height);
  const frames = Number(count);
  for (let index = 0; index < frames; index++) {
    frame.copyFrom(still);
    scene.moving(frame, index / frames);
    if (!process.stdout.write(frame.picture())) await once(process.stdout, 'drain');
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
