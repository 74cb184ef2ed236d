import assert from 'node:assert/strict';
import type { Hub } from '../../lib/nvr/camera/hub.js';
import { HubChecks } from '../../lib/nvr/health/hub-checks.js';
import type { Findings } from '../../lib/nvr/health/types.js';
import { FakeHub } from '../kit/fake-hub.js';
import { settingsFor } from '../kit/settings.js';

describe('what a check finds in a running session', () => {
  const checks = (): ((hub: FakeHub, findings?: Findings) => Findings) => {
    const all = new HubChecks(settingsFor(554));
    return (hub, findings = {}) => {
      all.describe(hub as unknown as Hub, findings);
      return findings;
    };
  };

  it('is the loss since the check before it, not since the beginning', () => {
    const hub = new FakeHub();
    const check = checks();
    [hub.packets, hub.lost] = [990, 10];
    assert.equal(check(hub).lossPercent, 1);
    [hub.packets, hub.lost] = [1990, 10];
    assert.equal(check(hub).lossPercent, 0);
    [hub.packets, hub.lost] = [2930, 70];
    assert.equal(check(hub).lossPercent, 6);
    assert.equal(check(hub).lossPercent, undefined, 'no packets, no loss');
  });

  it('counts from the check before also where one check looks twice', () => {
    const hub = new FakeHub();
    const check = checks();
    [hub.packets, hub.lost] = [900, 100];
    const findings = check(hub);
    [hub.packets, hub.lost] = [1000, 100];
    assert.equal(check(hub, findings).lossPercent, 10);
    [hub.packets, hub.lost] = [1800, 100];
    assert.equal(check(hub).lossPercent, 0);
  });

  it('is each camera’s own loss', () => {
    const check = checks();
    const [one, other] = [new FakeHub(), Object.assign(new FakeHub(), { channel: 2 })];
    [one.packets, one.lost] = [900, 100];
    [other.packets, other.lost] = [1000, 0];
    assert.equal(check(one).lossPercent, 10);
    assert.equal(check(other).lossPercent, 0);
    [one.packets, other.lost] = [1000, 100];
    assert.equal(check(one).lossPercent, 0);
    assert.equal(check(other).lossPercent, 100);
  });
});
