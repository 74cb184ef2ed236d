import assert from 'node:assert/strict';
import { migrate } from '../../../../nodes/shared/settings/migrations.js';
import {
  defaultsOf,
  overridden,
  readSettings,
  readUsable,
  SettingError,
  withVariables,
} from '../../../../nodes/shared/settings/read.js';
import { settingsTable } from '../../../../nodes/shared/settings/setting.js';

const said = { label: ['Label', 'Wort'], help: ['Help.', 'Hilfe.'] } as const;
const table = settingsTable({
  channel: { ...said, kind: 'channel', default: '1' },
  preRoll: { ...said, kind: 'number', default: 10, min: 0, max: 120 },
  width: { ...said, kind: 'number', default: undefined, min: 16, max: 8192 },
  plain: { ...said, kind: 'boolean', default: false },
  mode: { ...said, kind: 'choice', default: 'alarm', options: { alarm: said.label, continuous: said.label } },
  streamCodes: { ...said, kind: 'codes', default: { main: 'M', dual: 'D' } },
  channels: { ...said, kind: 'channels', default: [] },
});

describe('reading settings', () => {
  it('gives the defaults for what is empty, absent or null', () => {
    assert.deepEqual(readSettings(table, { preRoll: '', width: null, plain: undefined }), {
      channel: '1',
      preRoll: 10,
      width: undefined,
      plain: false,
      mode: 'alarm',
      streamCodes: { main: 'M', dual: 'D' },
      channels: [],
    });
  });

  it('reads what the editor saves, text for numbers included', () => {
    const saved = {
      channel: ' 3 ',
      preRoll: '2.5',
      width: '640',
      plain: 'true',
      mode: 'continuous',
      streamCodes: '{"main": 1}',
      channels: [
        { channel: '3', name: ' Gate ' },
        { channel: 4, name: ' ' },
      ],
    };
    assert.deepEqual(readSettings(table, saved), {
      channel: '3',
      preRoll: 2.5,
      width: 640,
      plain: true,
      mode: 'continuous',
      streamCodes: { main: '1', dual: 'D' },
      channels: [{ channel: 3, name: 'Gate' }],
    });
  });

  it('reads no as no, and an empty code as the usual one', () => {
    const { plain, streamCodes } = readSettings(table, {
      plain: 'false',
      streamCodes: { main: '', dual: 0 },
    });
    assert.deepEqual({ plain, streamCodes }, { plain: false, streamCodes: { main: 'M', dual: '0' } });
  });

  it('names the first property that cannot be used', () => {
    assert.throws(
      () => readSettings(table, { preRoll: '200', mode: 'x' }),
      (error) =>
        error instanceof SettingError &&
        error.code === 'EINPUT' &&
        error.property === 'preRoll' &&
        error.message === 'The setting "preRoll" must be a number from 0 to 120.',
    );
  });

  it('takes the default for each that cannot be used, names them all in the table’s order, and keeps the others', () => {
    const saved = { mode: 'sometimes', preRoll: '121', channel: '3', width: '640', plain: 'true' };
    const { settings, problems } = readUsable(table, saved);
    assert.deepEqual(settings, {
      ...{ channel: '3', preRoll: 10, width: 640, plain: true, mode: 'alarm' },
      ...{ streamCodes: { main: 'M', dual: 'D' }, channels: [] },
    });
    assert.deepEqual(
      problems.map(({ property }) => property),
      ['preRoll', 'mode'],
    );
    assert.deepEqual(readUsable(table, { channel: '3' }).problems, []);
  });

  it('reads its own defaults, as the editor saves them, back to themselves', () => {
    assert.deepEqual(readSettings(table, defaultsOf(table)), readSettings(table, {}));
  });
});

describe('what a message says in place of a setting', () => {
  it('is checked as the setting is, and read into the same kind', () => {
    assert.equal(overridden(table, 'preRoll', '2.5', 10), 2.5);
    assert.equal(overridden(table, 'mode', 'continuous', 'alarm'), 'continuous');
    assert.throws(() => overridden(table, 'preRoll', 121, 10), /msg\.preRoll must be a number from 0 to 120/);
    assert.throws(() => overridden(table, 'mode', {}, 'alarm'), /msg\.mode must be one of alarm, continuous/);
  });

  it('is the node’s own where the message says nothing', () => {
    for (const nothing of [undefined, null, '', ' '])
      assert.equal(overridden(table, 'preRoll', nothing, 7), 7);
  });
});

describe('a setting that comes from a variable', () => {
  const sourced = settingsTable({
    channel: { ...said, kind: 'channel', default: '1', source: 'channelType' },
    at: { ...said, kind: 'time', default: '', form: 'moment', source: 'atType' },
  });
  const read = (saved: Record<string, unknown>, variables: Record<string, unknown>) =>
    readSettings(
      sourced,
      withVariables(sourced, saved, (name) => variables[name]),
    );

  it('has the variable’s value, whatever spaces stand around its name, and no other is looked at', () => {
    const saved = { channel: ' CAM ', channelType: 'env', at: '-5m', atType: 'str' };
    assert.deepEqual(read(saved, { CAM: 7, '-5m': 'wrong' }), { channel: '7', at: '-5m' });
  });

  it('is checked as if the value stood in the field', () => {
    assert.throws(() => read({ channel: 'CAM', channelType: 'env' }, { CAM: 'door' }), {
      message: /The setting "channel" must be a number/,
    });
  });

  it('is refused where the variable is not set, or none is named', () => {
    for (const value of [undefined, '', ' '])
      assert.throws(() => read({ at: 'AT', atType: 'env' }, { AT: value }), {
        message: 'The setting "at" comes from the environment variable AT, which is not set.',
      });
    assert.throws(() => read({ at: ' ', atType: 'env' }, {}), { message: /"at" must name an environment/ });
  });
});

describe('migrating saved settings', () => {
  const migrations = [
    { type: 'a', to: 2, change: (saved: object) => ({ ...saved, second: true }) },
    { type: 'a', to: 1, change: (saved: object) => ({ ...saved, first: true }) },
    { type: 'b', to: 1, change: () => ({ wrong: true }) },
  ];

  it('takes a node that 0.1.0 saved through every version', () => {
    assert.deepEqual(migrate('a', { x: 1 }, migrations), { x: 1, first: true, second: true, version: 2 });
  });

  it('takes a newer node through what is left', () => {
    assert.deepEqual(migrate('a', { version: 1 }, migrations), { version: 2, second: true });
  });

  it('leaves a node of the present version alone', () => {
    const saved = { version: 2 };
    assert.equal(migrate('a', saved, migrations), saved);
  });
});
