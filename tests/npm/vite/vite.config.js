// Vite as its template configures it, with the proxy of Trailmark behind /tm; the test says where that is.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const proxy = { '/tm': process.env.TRAILMARK_PROXY };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
