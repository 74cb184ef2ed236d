// Every matrix and every shape of pixels, in both codecs, by both decoders: test/media/colours.test.ts has a
// few of each.
import { COLOURS, judgeColours, judgeShape } from '../media/looks.js';
import { needs } from '../kit/tools.js';

describe('pictures that look right, all of them', () => {
  before(function () {
    needs(this, 'ffmpeg');
  });

  for (const codec of ['h264', 'h265'] as const) {
    for (const colours of COLOURS)
      it(`have the colours of ${codec} ${colours.what}`, () => judgeColours(codec, colours));
    for (const [sar, square] of [
      ['12:11', 384],
      ['10:11', 320],
      ['16:11', 512],
      ['40:33', 426],
      ['59:54', 384],
      ['1:2', 176],
      ['2:1', 704],
    ] as const)
      it(`tell or take the shape ${sar} in ${codec}`, () => judgeShape(codec, sar, square));
  }
});
