import assert from 'node:assert/strict';
import { DeskBroker } from './desk-broker.js';

const PICTURES = 0;
const EXPORTS = 1;
const UPLOADS = 3;
const PICTURE = { type: 'snapshot', nvr: 'NVR', channel: 1 };
const CLIP = { type: 'export', nvr: 'NVR', channel: 1, from: '-10m', duration: '30s' };
/** After the broker was away, instances wait so long for each other. */
const GRACE_S = 21;

type Client = ReturnType<DeskBroker['start']>;

describe('the desk of example 16', () => {
  let broker: DeskBroker;
  let one: Client;
  let two: Client;

  beforeEach(() => {
    broker = new DeskBroker(16);
    [one, two] = ['one', 'two'].map((name) => online(name)) as [Client, Client];
    broker.pass(GRACE_S);
  });

  function online(name: string, env?: Readonly<Record<string, string>>): Client {
    const client = broker.start(name, env);
    broker.connect(client);
    return client;
  }

  const ask = (id: string, job: object): void => {
    broker.publish({ topic: `nvr/jobs/${id}`, payload: JSON.stringify(job), retain: true });
  };
  const count = (output: number, id: string): number =>
    [one, two].reduce((sum, { given }) => sum + given[output]!.filter(({ job }) => job === id).length, 0);
  const workerOf = (id: string): Client => {
    const { worker } = broker.json(`nvr/taken/${id}`);
    return [one, two].find(({ instance }) => instance === worker)!;
  };
  const picture = (client: Client, id: string): void => {
    broker.give(client, { topic: 'job', job: id, video: {}, payload: 'jpeg', contentType: 'image/jpeg' });
  };
  const fail = (client: Client, id: string, message: string): void => {
    broker.give(client, { topic: 'job', job: id, error: { message, code: 'ETIMEOUT' } });
  };
  const clip = (client: Client, id: string): void => {
    const made = { file: `/clips/${id}.mp4`, start: 1, end: 2, bytes: 3, sha256: 'x', coverage: 1 };
    broker.give(client, { topic: 'job', job: id, clip: made, payload: made.file });
    broker.give(client, { topic: 'job', job: id });
  };

  it('does a job once, however often it is asked, and leaves nothing of it but its answer', () => {
    ask('a', PICTURE);
    ask('a', PICTURE);
    picture(workerOf('a'), 'a');
    ask('a', PICTURE);
    broker.pass(60);
    assert.equal(count(PICTURES, 'a'), 1);
    assert.deepEqual(
      [...broker.retained.keys()].filter((topic) => topic.endsWith('/a')),
      ['nvr/results/a'],
    );
  });

  it('spreads jobs over those that are online', () => {
    for (let i = 0; i < 10; i++) ask(`s${i}`, PICTURE);
    for (const { given } of [one, two]) assert.equal(given[PICTURES]!.length, 5);
  });

  it('does so many at once, and the others when those are done', () => {
    for (let i = 0; i < 10; i++) ask(`e${i}`, CLIP);
    for (const { given } of [one, two]) assert.equal(given[EXPORTS]!.length, 2);
    for (let i = 0; i < 10; i++) clip(workerOf(`e${i}`), `e${i}`);
    for (let i = 0; i < 10; i++) assert.equal(count(EXPORTS, `e${i}`), 1, `e${i}`);
  });

  it('has the job of a killed worker done by another', () => {
    ask('a', PICTURE);
    const [dead, other] = workerOf('a') === one ? [one, two] : [two, one];
    broker.kill(dead);
    broker.pass(10);
    assert.equal(broker.json('nvr/taken/a').worker, other.instance);
    picture(other, 'a');
    assert.equal(broker.retained.get('nvr/results/a'), 'jpeg');
  });

  it('has a job done that a worker was given and did not take', () => {
    broker.isLosing = true;
    ask('lost', PICTURE);
    broker.isLosing = false;
    assert.equal(count(PICTURES, 'lost'), 0);
    broker.pass(40);
    assert.equal(count(PICTURES, 'lost'), 1);
  });

  it('tries what fails three times, then buries it with the cause and the job', () => {
    ask('a', CLIP);
    for (let tries = 1; tries <= 3; tries++) {
      assert.equal(count(EXPORTS, 'a'), tries);
      fail(workerOf('a'), 'a', 'The NVR says nothing.');
      broker.pass(10);
    }
    const { id, message, code, job } = broker.json('nvr/dead/a');
    assert.deepEqual({ id, message, code }, { id: 'a', message: 'The NVR says nothing.', code: 'ETIMEOUT' });
    assert.deepEqual(job, { ...CLIP, tries: 3 });
    broker.pass(60);
    assert.equal(count(EXPORTS, 'a'), 3);
    assert.equal(broker.retained.has('nvr/jobs/a'), false);
  });

  it('buries a job whose worker dies three times', () => {
    ask('poison', PICTURE);
    for (let tries = 0; tries < 3; tries++) {
      const dead = workerOf('poison');
      broker.kill(dead);
      broker.pass(10);
      const again = online(dead.instance);
      [one, two] = dead === one ? [again, two] : [one, again];
      broker.pass(GRACE_S + 10);
    }
    assert.match(String(broker.json('nvr/dead/poison').message), /workers went offline/);
  });

  it('sends an answer again that the broker lost, and keeps what is under way while it is gone', () => {
    ask('a', PICTURE);
    const worker = workerOf('a');
    broker.cut(worker);
    picture(worker, 'a');
    assert.equal(broker.retained.has('nvr/results/a'), false);
    broker.connect(worker);
    broker.pass(10);
    assert.equal(broker.retained.get('nvr/results/a'), 'jpeg');
    assert.equal(count(PICTURES, 'a'), 1);
  });

  it('sends the last answers again to a broker that was killed before it had them on disk', () => {
    ask('a', PICTURE);
    const worker = workerOf('a');
    picture(worker, 'a');
    for (const client of [one, two]) broker.cut(client);
    broker.retained.delete('nvr/results/a');
    for (const client of [one, two]) broker.connect(client);
    assert.equal(broker.retained.get('nvr/results/a'), 'jpeg');
    assert.equal(count(PICTURES, 'a'), 1);
  });

  it('refuses what is no job', () => {
    for (const [index, job] of [{ type: 'dance' }, {}, [], 5, null, 'text'].entries()) {
      broker.publish({ topic: `nvr/jobs/bad${index}`, payload: JSON.stringify(job), retain: true });
      assert.match(String(broker.json(`nvr/dead/bad${index}`).message), /snapshot or export/, `${index}`);
    }
  });

  describe('with a store for clips', () => {
    beforeEach(() => {
      broker = new DeskBroker(16);
      const env = { CLIPS_URL: 'http://store/clips' };
      [one, two] = ['one', 'two'].map((name) => online(name, env)) as [Client, Client];
      broker.pass(GRACE_S);
    });

    it('answers when the store has the clip, and not before', () => {
      ask('a', CLIP);
      const worker = workerOf('a');
      clip(worker, 'a');
      const [upload] = worker.given[UPLOADS]!;
      assert.deepEqual({ job: upload!.job, files: (upload!.files as object[]).length }, { job: 'a', files: 1 });
      broker.pass(60);
      assert.equal(broker.retained.has('nvr/results/a'), false);
      broker.give(worker, { topic: 'uploaded', job: 'a', files: [{ url: 'http://store/clips/a' }] });
      assert.deepEqual(broker.json('nvr/results/a').files, [{ url: 'http://store/clips/a' }]);
    });

    it('counts an upload that fails as a failure, and buries the third with its cause', () => {
      ask('a', CLIP);
      for (let tries = 0; tries < 3; tries++) {
        const worker = workerOf('a');
        clip(worker, 'a');
        fail(worker, 'a', 'it answers 507');
        assert.equal(broker.retained.has('nvr/results/a'), false);
        broker.pass(10);
      }
      assert.equal(broker.json('nvr/dead/a').message, 'it answers 507');
    });
  });
});
