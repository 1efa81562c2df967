import { defineConfig } from 'vitest/config';
import { mockApi } from './test/mock-api.ts';

export default defineConfig(({ mode }) => ({
  plugins: mode === 'mock' ? [mockApi()] : [],
  build: { sourcemap: false, modulePreload: false, assetsInlineLimit: 0 },
  server: { proxy: { '/api': process.env.BACKEND_URL ?? 'http://localhost:5002' } },
  // The time is for a test that hangs: a busy machine takes several seconds for a thousand rows.
  test: { include: ['test/**/*.test.ts'], env: { TZ: 'UTC' }, testTimeout: 60_000 },
}));
