// The simulator's cameras: a gate on a street, a yard, a workshop and a crossing by night. Each returns to
// its start at the end of the clip.

import { SCENE_WIDTH, type Canvas } from './canvas.js';

export interface Scene {
  /** What stands still; drawn once. */
  still(canvas: Canvas): void;
  /** What moves; `turn` goes from 0 to 1 over the clip. */
  moving(canvas: Canvas, turn: number): void;
}

const turnAt = (turn: number, times: number, shift = 0): number => (turn * times + shift) % 1;
const wave = (turn: number, times: number, shift = 0): number =>
  Math.sin(2 * Math.PI * (turn * times + shift));

/** From beyond one edge to beyond the other. */
const across = (share: number, margin: number, toLeft = false): number => {
  const x = -margin + share * (SCENE_WIDTH + 2 * margin);
  return toLeft ? SCENE_WIDTH - x : x;
};

/** Seen from the side, standing on `y`; `direction` 1 drives to the right. */
function car(
  canvas: Canvas,
  x: number,
  y: number,
  direction: 1 | -1,
  colour: number,
  size = 1,
  lights = false,
): void {
  const at = (dx: number): number => x + direction * dx * size;
  const up = (dy: number): number => y - dy * size;
  canvas.rect(Math.min(at(-52), at(52)), up(3), 104 * size, 5 * size, 0x000000, 0.3);
  if (lights) {
    canvas.polygon([[at(48), up(20)], [at(150), up(30)], [at(170), up(-4)], [at(48), up(12)]], 0xfff2c0, 0.25); // prettier-ignore
  }
  canvas.polygon([[at(-52), up(8)], [at(-52), up(24)], [at(-44), up(28)], [at(44), up(26)], [at(52), up(20)], [at(52), up(8)]], colour); // prettier-ignore
  canvas.polygon(
    [
      [at(-36), up(26)],
      [at(-26), up(42)],
      [at(14), up(42)],
      [at(30), up(26)],
    ],
    colour,
  );
  canvas.polygon(
    [
      [at(-31), up(27)],
      [at(-23), up(39)],
      [at(-8), up(39)],
      [at(-8), up(27)],
    ],
    0x9fc4d8,
  );
  canvas.polygon(
    [
      [at(-4), up(27)],
      [at(-4), up(39)],
      [at(12), up(39)],
      [at(24), up(27)],
    ],
    0x9fc4d8,
  );
  canvas.rect(Math.min(at(46), at(52)), up(21), 6 * size, 5 * size, 0xfff6d0);
  canvas.rect(Math.min(at(-52), at(-47)), up(22), 5 * size, 6 * size, 0xc03028);
  for (const wheel of [-30, 30]) {
    canvas.circle(at(wheel), up(8), 10 * size, 0x22242a);
    canvas.circle(at(wheel), up(8), 5 * size, 0xa8acb4);
  }
}

/** Walks on `y`; `step` goes from 0 to 1 with each pair of steps. */
function person(canvas: Canvas, x: number, y: number, step: number, coat: number, size = 1): void {
  const swing = Math.sin(2 * Math.PI * step) * 9 * size;
  const hip = y - 24 * size;
  const shoulder = y - 44 * size;
  canvas.line([x, hip], [x + swing, y], 5 * size, 0x2b2f3c);
  canvas.line([x, hip], [x - swing, y], 5 * size, 0x343a4a);
  canvas.line([x, shoulder + 3 * size], [x - swing * 0.9, hip], 4 * size, coat);
  canvas.polygon([[x - 7 * size, shoulder], [x + 7 * size, shoulder], [x + 6 * size, hip + 3 * size], [x - 6 * size, hip + 3 * size]], coat); // prettier-ignore
  canvas.line([x, shoulder + 3 * size], [x + swing * 0.9, hip], 4 * size, coat);
  canvas.circle(x, shoulder - 8 * size, 7 * size, 0xd9a679);
}

function tree(canvas: Canvas, x: number, y: number, size = 1): void {
  canvas.rect(x - 4 * size, y - 50 * size, 8 * size, 50 * size, 0x5d4630);
  for (const [dx, dy, radius, colour] of [
    [-16, -62, 22, 0x3f7d4a],
    [16, -60, 20, 0x3a7344],
    [0, -82, 24, 0x4a8c55],
  ] as const)
    canvas.circle(x + dx * size, y + dy * size, radius * size, colour);
}

function windows(canvas: Canvas, x: number, y: number, columns: number, rows: number, lit: number): void {
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      canvas.rect(
        x + column * 24,
        y + row * 30,
        13,
        18,
        (row * 5 + column * 3) % 7 < lit ? 0xffe2a0 : 0x54687c,
      );
}

const gate: Scene = {
  still(canvas) {
    canvas.gradient(0, 196, 0x8fbfe6, 0xe2eef5);
    for (const [x, y, width, height, colour] of [
      [0, 70, 120, 130, 0xb98a6a],
      [120, 100, 110, 100, 0xc9b59a],
      [480, 60, 160, 140, 0xa9b4ba],
    ] as const)
      canvas.rect(x, y, width, height, colour);
    windows(canvas, 14, 84, 4, 3, 1);
    windows(canvas, 134, 112, 4, 2, 1);
    windows(canvas, 496, 76, 6, 3, 2);
    for (const x of [250, 442]) canvas.rect(x, 128, 16, 84, 0x7c5c4a);
    for (let x = 270; x < 440; x += 9) canvas.rect(x, 138, 3, 74, 0x3c4650);
    canvas.rect(266, 146, 176, 4, 0x3c4650);
    canvas.rect(0, 195, SCENE_WIDTH, 30, 0xb6b2a8);
    canvas.rect(0, 222, SCENE_WIDTH, 4, 0x8d8980);
    canvas.rect(0, 226, SCENE_WIDTH, 134, 0x565b62);
    for (let x = 10; x < SCENE_WIDTH; x += 64) canvas.rect(x, 286, 34, 4, 0xe6e4da);
    canvas.rect(0, 350, SCENE_WIDTH, 10, 0xb6b2a8);
    tree(canvas, 226, 200, 0.8);
    tree(canvas, 470, 202, 0.9);
  },
  moving(canvas, turn) {
    for (const [y, shift, size] of [
      [34, 0.1, 1],
      [56, 0.6, 0.7],
    ] as const) {
      const x = across(turnAt(turn, 1, shift), 70);
      for (const dx of [-22, 0, 24])
        canvas.circle(x + dx * size, y - (dx === 0 ? 7 : 0), 16 * size, 0xffffff, 0.55);
    }
    person(canvas, across(turnAt(turn, 1, 0.35), 20), 216, turnAt(turn, 20), 0xb03a3a, 0.9);
    person(canvas, across(turnAt(turn, 1, 0.75), 20, true), 220, turnAt(turn, 20, 0.5), 0x2f5f8f, 0.95);
    car(canvas, across(turnAt(turn, 2, 0.2), 80, true), 272, -1, 0xd8dadd);
    car(canvas, across(turnAt(turn, 1, 0.55), 90, true), 274, -1, 0xe0b040, 1.1);
    car(canvas, across(turnAt(turn, 2, 0.7), 90), 336, 1, 0x2f6fae, 1.3);
    car(canvas, across(turnAt(turn, 1, 0.95), 90), 338, 1, 0xa83232, 1.35);
  },
};

const yard: Scene = {
  still(canvas) {
    canvas.gradient(0, 60, 0xa9c4d2, 0xd5dfe2);
    canvas.rect(0, 56, SCENE_WIDTH, 150, 0x93a0a6);
    for (let x = 0; x < SCENE_WIDTH; x += 16) canvas.rect(x, 56, 2, 150, 0x87949a);
    for (const x of [60, 250, 440]) {
      canvas.rect(x, 96, 130, 110, 0x3f4a52);
      canvas.rect(x + 55, 76, 20, 14, 0xf2efe4);
    }
    for (let y = 100; y < 200; y += 10) canvas.rect(440, y, 130, 6, 0xc8ccca);
    canvas.rect(0, 206, SCENE_WIDTH, 154, 0x8a8680);
    for (const x of [40, 230, 420, 610]) canvas.polygon([[x, 206], [x + 6, 206], [x - 14, 360], [x - 26, 360]], 0xe6c84a); // prettier-ignore
    for (const [x, y] of [
      [585, 176],
      [604, 176],
      [594, 146],
    ] as const) {
      // prettier-ignore
      canvas.rect(x - 14, y, 28, 28, 0xb98b56);
      canvas.rect(x - 3, y, 5, 28, 0xa07545);
    }
  },
  moving(canvas, turn) {
    // There with a pallet, back without one.
    const there = turn < 0.5;
    const share = there ? turn * 2 : 2 - turn * 2;
    const x = 110 + 400 * (0.5 - 0.5 * Math.cos(Math.PI * share));
    const direction = there ? 1 : -1;
    const y = 300;
    const lift = there ? 10 : 3;
    const at = (dx: number): number => x + direction * dx;
    const box = (dx: number, dy: number, width: number, height: number, colour: number): void => {
      canvas.rect(Math.min(at(dx), at(dx + width)), y - dy, width, height, colour);
    };
    box(-50, 4, 130, 6, 0x6f6b66);
    box(-46, 48, 62, 36, 0xe0a020);
    box(-46, 56, 22, 16, 0xc68a18);
    box(-30, 96, 4, 52, 0x33383e);
    box(14, 96, 4, 52, 0x33383e);
    box(-34, 100, 56, 5, 0x33383e);
    canvas.circle(at(-8), y - 72, 8, 0xd9a679);
    box(-15, 66, 15, 22, 0x2f5f8f);
    box(22, 104, 5, 96, 0x4a4f56);
    box(26, lift + 4, 44, 4, 0x4a4f56);
    if (there) {
      box(30, lift + 40, 36, 34, 0xb98b56);
      box(45, lift + 40, 6, 34, 0xa07545);
    }
    for (const dx of [-30, 10]) {
      canvas.circle(at(dx), y - 8, 12, 0x24262b);
      canvas.circle(at(dx), y - 8, 5, 0x9a9ea6);
    }
    if (turnAt(turn, 20) < 0.5) canvas.circle(at(-6), y - 104, 5, 0xff9020);
    person(canvas, across(turnAt(turn, 1, 0.2), 20, true), 236, turnAt(turn, 20), 0xe08a28, 0.8);
  },
};

const workshop: Scene = {
  still(canvas) {
    canvas.gradient(0, 230, 0x4a565e, 0x6c7880);
    for (const x of [70, 290, 510]) {
      canvas.rect(x, 28, 90, 10, 0xf4f7ee);
      canvas.polygon([[x, 38], [x + 90, 38], [x + 150, 230], [x - 60, 230]], 0xffffff, 0.06); // prettier-ignore
    }
    for (const [x, height] of [
      [24, 96],
      [520, 120],
      [590, 80],
    ] as const) {
      // prettier-ignore
      canvas.rect(x, 210 - height, 56, height, 0x3d7f86);
      canvas.rect(x + 8, 220 - height, 40, 26, 0x244c52);
    }
    canvas.rect(0, 210, SCENE_WIDTH, 150, 0x7d7a72);
    canvas.rect(0, 332, SCENE_WIDTH, 6, 0xe6c84a);
    for (const x of [40, 200, 360, 520]) canvas.rect(x, 276, 14, 56, 0x3c4248);
    canvas.rect(0, 256, SCENE_WIDTH, 22, 0x2e3338);
    canvas.rect(280, 176, 60, 36, 0x3c4248);
  },
  moving(canvas, turn) {
    for (let roller = 0; roller < 16; roller++) {
      const x = 20 + roller * 40;
      canvas.circle(x, 268, 8, 0x8d949b);
      const angle = 2 * Math.PI * turnAt(turn, 10);
      canvas.line([x, 268], [x + 7 * Math.cos(angle), 268 + 7 * Math.sin(angle)], 2, 0x4a5057);
    }
    for (let box = 0; box < 4; box++) {
      const x = across(turnAt(turn, 1, box / 4), 40);
      const colour = [0xb98b56, 0xc76b4a, 0x8fa85a, 0x5a86a8][box]!;
      canvas.rect(x - 22, 218, 44, 40, colour);
      canvas.rect(x - 22, 218, 44, 5, 0xffffff, 0.25);
      canvas.rect(x - 4, 218, 8, 40, 0x000000, 0.15);
    }
    // An arm that bows to each box: four times in a turn.
    const bow = 0.5 - 0.5 * Math.cos(2 * Math.PI * turnAt(turn, 4, 0.5));
    const elbow = [300 - 26 * bow, 100 + 18 * bow] as const;
    const hand = [330 + 30 * wave(turn, 4), 138 + 66 * bow] as const;
    canvas.line([310, 176], elbow, 18, 0xe8792a);
    canvas.line(elbow, hand, 13, 0xf08f3c);
    canvas.circle(310, 176, 15, 0x33383e);
    canvas.circle(elbow[0], elbow[1], 11, 0x33383e);
    canvas.rect(hand[0] - 12, hand[1], 24, 7, 0x24262b);
    const lamp = turnAt(turn, 4) < 0.25 ? 0xff4030 : 0x40d070;
    canvas.circle(546, 74, 7, lamp);
    canvas.circle(546, 74, 15, lamp, 0.25);
    person(canvas, 120 + 60 * wave(turn, 1), 330, turnAt(turn, 12), 0x33618f, 1.25);
  },
};

const crossing: Scene = {
  still(canvas) {
    canvas.gradient(0, 207, 0x0d1430, 0x2c3358);
    for (const [x, y] of [[60, 30], [180, 52], [300, 22], [410, 46], [520, 26], [600, 60]] as const) canvas.circle(x, y, 1.2, 0xffffff); // prettier-ignore
    canvas.circle(556, 48, 17, 0xf2ecd0);
    canvas.circle(549, 43, 15, 0x121938);
    for (const [x, y, width] of [
      [0, 84, 130],
      [140, 116, 90],
      [330, 96, 110],
      [450, 70, 190],
    ] as const) {
      // prettier-ignore
      canvas.rect(x, y, width, 220 - y, 0x1c2238);
      windows(canvas, x + 10, y + 12, Math.floor((width - 8) / 24), 3, 3);
    }
    canvas.rect(0, 206, SCENE_WIDTH, 24, 0x3a3f52);
    canvas.rect(0, 230, SCENE_WIDTH, 130, 0x23262f);
    for (let x = 10; x < SCENE_WIDTH; x += 64) canvas.rect(x, 290, 34, 4, 0x9c9c94);
    for (let x = 250; x < 350; x += 20) canvas.rect(x, 232, 11, 128, 0x8f9198);
    for (const x of [90, 500]) {
      canvas.rect(x, 70, 5, 150, 0x50566a);
      canvas.rect(x, 70, 34, 4, 0x50566a);
      canvas.polygon([[x + 24, 76], [x + 40, 76], [x + 90, 236], [x - 30, 236]], 0xffe9a8, 0.16); // prettier-ignore
      canvas.circle(x + 32, 76, 6, 0xfff4cc);
    }
    canvas.rect(374, 130, 5, 92, 0x50566a);
    canvas.rect(366, 100, 22, 54, 0x15171d);
  },
  moving(canvas, turn) {
    const red = turn < 0.45;
    for (const [index, colour] of [0xff3a30, 0xffc030, 0x38d060].entries()) {
      const lit = index === (red ? 0 : turn < 0.5 || turn > 0.95 ? 1 : 2);
      canvas.circle(377, 110 + 17 * index, 6, lit ? colour : 0x33363e);
      if (lit) canvas.circle(377, 110 + 17 * index, 16, colour, 0.2);
    }
    // While cars wait, someone crosses; with green they drive on.
    if (red)
      person(canvas, 300 + 6 * wave(turn, 2), 214 + 150 * (turn / 0.45), turnAt(turn, 16), 0xb0b7c8, 1.1);
    const go = red ? Math.min(1, turn / 0.12) * 0.35 : 0.35 + ((turn - 0.45) / 0.55) * 0.65;
    car(canvas, across(go, 110) - (red ? 20 : 20 * (1 - (turn - 0.45) / 0.55)), 340, 1, 0x7d8fb0, 1.25, true);
    car(
      canvas,
      across(turnAt(turn, 1, 0.5) < 0.5 ? (turn - 0.5) * 2 : -1, 110, true),
      276,
      -1,
      0x8a4040,
      1,
      true,
    );
  },
};

export const SCENES: Readonly<Record<string, Scene>> = { gate, yard, workshop, crossing };
