import assert from 'node:assert/strict';
import { DeskBroker } from './desk-broker.js';
import type { Msg } from './function-node.js';

const CAMERAS = [1, 2];
const LIVE = 0;
const RECORDER = 1;
const PAGE = 4;
/** Its instance must be playing on another one within this time. */
const TAKE_OVER_S = 15;
const SHARED_FOLDER_S = 40;

type Client = ReturnType<DeskBroker['start']>;

describe('the desk of example 17', () => {
  let broker: DeskBroker;

  beforeEach(() => {
    broker = new DeskBroker(17);
  });

  /** One whose nodes have begun to play, as they do at the start. */
  function start(instance: string, cameras: readonly number[] = CAMERAS): Client {
    const client = broker.start(instance);
    for (const channel of cameras) says(client, channel, 'connecting');
    return client;
  }

  function online(instance: string, cameras?: readonly number[]): Client {
    const client = start(instance, cameras);
    broker.connect(client);
    return client;
  }

  function says(client: Client, channel: number, payload: string): void {
    broker.give(client, { channel, camera: `Camera ${channel}`, payload, event: { channel } });
  }

  function recorder(client: Client, channel: number, payload: string, event: object): void {
    broker.give(client, { isRecorder: true, channel, payload, event: { channel, ...event } });
  }

  const actions = ({ given }: Client, output: number): string[] =>
    given[output]!.filter(({ channel }) => channel !== undefined).map(
      ({ action, channel, payload }) => `${String(action ?? payload)} ${String(channel)}`,
    );
  const ownerOf = (channel: number): unknown => broker.json(`nvr/home/${channel}/owner`).by;
  const owners = (): unknown[] => CAMERAS.map(ownerOf);

  function page(client: Client): string {
    broker.give(client, { topic: '', res: {} });
    return String(client.given[PAGE]!.at(-1)!.payload);
  }

  it('watches what nobody watches, and says how it is', () => {
    const one = online('one');
    broker.pass(5);
    says(one, 1, 'playing');
    assert.deepEqual(owners(), ['one', 'one']);
    assert.deepEqual(actions(one, LIVE), ['start 1', 'start 2']);
    assert.deepEqual(actions(one, RECORDER), ['arm 1', 'arm 2']);
    const { state, by, name } = broker.json('nvr/home/1/state');
    assert.deepEqual({ state, by, name }, { state: 'playing', by: 'one', name: 'Camera 1' });
  });

  it('stands by for what another one watches: says so with both names, and neither plays nor records it', () => {
    online('one');
    broker.pass(5);
    const two = online('two', [2, 3]);
    broker.pass(5);
    assert.deepEqual([...owners(), ownerOf(3)], ['one', 'one', 'two']);
    assert.deepEqual(actions(two, LIVE), ['stop 2', 'start 3']);
    assert.deepEqual(actions(two, RECORDER), ['disarm 2', 'arm 3']);
    assert.deepEqual(two.desk.warnings, ['Camera 2 of home is claimed by one and two: two stands by.']);
    assert.deepEqual(broker.json('nvr/instances/two/standby/2'), { channel: 2, owner: 'one', by: 'two' });
    broker.pass(60);
    assert.equal(two.desk.warnings.length, 1);
  });

  it('takes over within 15 s what a killed one watched, which is unwatched at once', () => {
    const one = online('one');
    broker.pass(5);
    const two = online('two');
    broker.pass(5);
    for (const channel of CAMERAS) says(one, channel, 'playing');
    broker.kill(one);
    assert.equal(page(two).split('unwatched').length - 1, CAMERAS.length);
    broker.pass(TAKE_OVER_S);
    assert.deepEqual(owners(), ['two', 'two']);
    assert.deepEqual(actions(two, LIVE).slice(-2), ['start 1', 'start 2']);
    assert.deepEqual(actions(two, RECORDER).slice(-2), ['arm 1', 'arm 2']);
    assert.equal(broker.retained.has('nvr/instances/two/standby/1'), false);
  });

  it('takes over with one of many that stand by, and once more as that one is killed', () => {
    const all = ['one', 'two', 'three', 'four'].map((name) => online(name));
    for (let left = all.length; left > 0; left--) {
      broker.pass(TAKE_OVER_S);
      const watching = [...broker.clients.values()].filter(
        (client) => actions(client, LIVE).findLast((action) => action.endsWith(' 1')) === 'start 1',
      );
      assert.deepEqual(
        watching.map(({ instance }) => instance),
        [ownerOf(1)],
      );
      broker.kill(watching[0]!);
    }
  });

  it('leaves a camera to one of the two that watched it while the network was in halves', () => {
    const one = online('one');
    broker.pass(5);
    online('two');
    broker.pass(5);
    broker.cut(one);
    broker.publish({ topic: 'nvr/instances/one', payload: 'offline', retain: true });
    broker.pass(TAKE_OVER_S);
    assert.deepEqual(owners(), ['two', 'two']);
    assert.ok(!actions(one, LIVE).includes('stop 1'), 'it goes on');
    broker.connect(one);
    broker.pass(5);
    assert.deepEqual(owners(), ['two', 'two']);
    assert.deepEqual(actions(one, LIVE).slice(-2), ['stop 1', 'stop 2']);
    assert.match(one.desk.warnings[0]!, /claimed by two and one: one stands by/);
  });

  it('goes on without a break where the broker has forgotten everything', () => {
    const one = online('one');
    broker.pass(5);
    const before = actions(one, LIVE).length;
    broker.cut(one);
    broker.retained.clear();
    broker.connect(one);
    const two = online('two');
    broker.pass(10);
    assert.deepEqual(owners(), ['one', 'one']);
    assert.equal(actions(one, LIVE).length, before);
    assert.deepEqual(actions(two, LIVE), ['stop 1', 'stop 2']);
  });

  it('lets the one that watches a camera record its alarms', () => {
    const one = online('one');
    broker.pass(5);
    const two = online('two');
    broker.pass(5);
    const alarms = ({ given }: Client): Msg[] => given[RECORDER]!.filter(({ action }) => action === undefined);
    broker.publish({ topic: 'nvr/home/1/alarm', payload: 'ON' });
    broker.publish({ topic: 'nvr/home/1/alarm', payload: 'OFF' });
    broker.publish({ topic: 'nvr/elsewhere/1/alarm', payload: 'ON' });
    assert.deepEqual(
      alarms(one).map(({ channel, payload }) => [channel, payload]),
      [
        [1, 'alarm'],
        [1, false],
      ],
    );
    assert.deepEqual(alarms(two), []);
  });

  it('lets Home Assistant find connectivity, motion and the last picture, unavailable with its instance', () => {
    online('one');
    broker.pass(5);
    const configs = [
      ['binary_sensor', 'reachable', 'state_topic', 'state'],
      ['binary_sensor', 'motion', 'state_topic', 'alarm'],
      ['camera', 'picture', 'topic', 'picture'],
    ] as const;
    for (const [component, what, property, topic] of configs) {
      const config = broker.json(`homeassistant/${component}/nvr_home_1/${what}/config`);
      assert.equal(config[property], `nvr/home/1/${topic}`);
      assert.equal(config.availability_topic, 'nvr/instances/one');
      assert.equal(config.unique_id, `nvr_home_1_${what}`);
    }
  });

  it('shows a page whatever is in the topics of cameras', () => {
    const one = online('one');
    for (const payload of ['', '5', '"x"', 'null', '[]', '{"time":"<b>"}', '{"name":{"a":1},"state":"<i>"}', 'no'])
      for (const what of ['state', 'owner', 'recording', 'missing', 'alarm'])
        broker.publish({ topic: `nvr/home/1/${what}`, payload, retain: true });
    broker.publish({ topic: 'nvr/far/9/state', payload: '{"state":"<i>"}', retain: true });
    assert.match(page(one), /far\/9/);
    assert.doesNotMatch(page(one), /<i>|<b>/);
    broker.publish({ topic: 'nvr/far/9/state', payload: '', retain: true });
    assert.doesNotMatch(page(one), /far\/9/);
  });

  describe('where an instance is killed that was recording', () => {
    const FILE = '/one/home/1/140200-alarm.mp4';
    let one: Client;
    let two: Client;

    beforeEach(() => {
      one = online('one');
      broker.pass(5);
      two = online('two');
      broker.pass(5);
      recorder(one, 1, 'armed', {});
      recorder(one, 1, 'recording', { clip: 1, file: FILE, reason: 'alarm', preRollMs: 0 });
      two.desk.warnings.length = 0;
    });

    const missing = (): Record<string, unknown> => broker.json('nvr/home/1/missing');

    it('says which clip of which camera is missing, since when, and who has it', () => {
      const since = broker.now;
      broker.kill(one);
      broker.pass(90);
      assert.deepEqual(missing(), { by: 'one', since, file: '140200-alarm.mp4' });
      assert.deepEqual(two.desk.warnings, [
        `Camera 1 of home: one was recording 140200-alarm.mp4 since ${new Date(since).toISOString()} when it went, and two does not have its folder. one finishes the clip when it starts again.`,
      ]);
      assert.match(page(two), /140200-alarm\.mp4, left with one/);
      assert.equal(broker.retained.has('nvr/home/1/recording'), false);
      broker.pass(600);
      assert.equal(two.desk.warnings.length, 1);
    });

    it('says nothing where its own recorder has the folder and finishes the clip', () => {
      broker.kill(one);
      broker.pass(SHARED_FOLDER_S);
      recorder(two, 1, 'finished', { clip: 0, file: '/mounted/elsewhere/1/140200-alarm.mp4', recovered: true });
      broker.pass(600);
      assert.deepEqual(two.desk.warnings, []);
      assert.equal(broker.retained.has('nvr/home/1/recording'), false);
    });

    it('says it also where it records an alarm of its own by then', () => {
      broker.kill(one);
      broker.pass(20);
      recorder(two, 1, 'recording', { clip: 1, file: 'C:\\two\\1\\140230-alarm.mp4' });
      broker.pass(90);
      assert.equal(missing().file, '140200-alarm.mp4');
      assert.equal(broker.json('nvr/home/1/recording').file, '140230-alarm.mp4');
      recorder(two, 1, 'finished', { clip: 1, file: 'C:\\two\\1\\140230-alarm.mp4' });
      assert.equal(broker.retained.has('nvr/home/1/recording'), false);
      assert.equal(missing().file, '140200-alarm.mp4');
    });

    it('takes it back as the one that was killed starts again and finishes it, before or behind the broker', () => {
      for (const isBefore of [true, false]) {
        broker.kill(one);
        broker.pass(90);
        assert.equal(missing().by, 'one');
        const again = start('one');
        const finish = (): void => {
          recorder(again, 1, 'finished', { clip: 0, file: FILE, recovered: true });
        };
        if (isBefore) finish();
        broker.connect(again);
        if (!isBefore) finish();
        assert.deepEqual(missing(), {});
        broker.kill(again);
        // Once more, from the other side.
        one = online('one');
        broker.kill(two);
        broker.pass(20);
        two = online('two');
        broker.pass(5);
        recorder(one, 1, 'recording', { clip: 2, file: FILE });
      }
    });

    it('says nothing of what was finished, or failed, before it was killed', () => {
      recorder(one, 1, 'finished', { clip: 1, file: FILE });
      recorder(one, 2, 'recording', { clip: 1, file: '/one/2/140300-alarm.mp4' });
      recorder(one, 2, 'failed', { clip: 1, code: 'EDISK' });
      broker.kill(one);
      broker.pass(90);
      assert.deepEqual(two.desk.warnings, []);
    });

    it('says nothing of what was finished while the broker was away', () => {
      broker.cut(one);
      recorder(one, 1, 'finished', { clip: 1, file: FILE });
      broker.connect(one);
      broker.pass(5);
      broker.kill(one);
      broker.pass(90);
      assert.deepEqual(two.desk.warnings, []);
    });
  });
});
