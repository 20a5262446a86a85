// Vite as the template of SvelteKit configures it, with the proxy of Trailmark behind /tm; the test says where that is.
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

export default defineConfig({ plugins: [sveltekit()], preview: { proxy: { '/tm': process.env.TRAILMARK_PROXY } } });
