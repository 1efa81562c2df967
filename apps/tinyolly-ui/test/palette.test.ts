import { beforeEach, describe, expect, it, vi } from 'vitest';

let palette: typeof import('../src/palette');

beforeEach(async () => {
  vi.resetModules();
  palette = await import('../src/palette');
});

describe('the colours of names', () => {
  it('differ, even where two names prefer the same one', () => {
    const { colourOf, giveColours } = palette;
    expect(colourOf('demo-frontend')).toBe(colourOf('demo-backend'));
    giveColours(['demo-frontend', 'demo-backend']);
    expect(colourOf('demo-frontend')).not.toBe(colourOf('demo-backend'));
  });

  it('do not depend on the order of the names', async () => {
    palette.giveColours(['demo-frontend', 'demo-backend']);
    const first = palette.colourOf('demo-frontend');
    vi.resetModules();
    const again = await import('../src/palette');
    again.giveColours(['demo-backend', 'demo-frontend']);
    expect(again.colourOf('demo-frontend')).toBe(first);
  });

  it('stay when other names come', () => {
    const { colourOf, giveColours } = palette;
    giveColours(['demo-frontend']);
    const before = colourOf('demo-frontend');
    giveColours(['demo-backend', 'demo-frontend']);
    expect(colourOf('demo-frontend')).toBe(before);
    expect(colourOf('demo-backend')).not.toBe(before);
  });

  it('are all in use before one is given twice', () => {
    const { colourOf, giveColours } = palette;
    const names = Array.from({ length: 30 }, (_, index) => `service-${index}`);
    giveColours(names.slice(0, 10));
    expect(new Set(names.slice(0, 10).map(colourOf)).size).toBe(10);
    giveColours(names);
    for (const colour of names.map(colourOf))
      expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).toContain(colour);
  });
});
