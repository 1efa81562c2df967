import { defineConfig } from 'vitest/config';
import { mockApi } from './test/mock-api.ts';

export default defineConfig(({ mode }) => ({
  plugins: mode === 'mock' ? [mockApi()] : [],
  build: { sourcemap: false, modulePreload: false, assetsInlineLimit: 0 },
  server: { proxy: { '/api': process.env.BACKEND_URL ?? 'http://localhost:5002' } },
  test: { include: ['test/**/*.test.ts'], env: { TZ: 'UTC' } },
}));
