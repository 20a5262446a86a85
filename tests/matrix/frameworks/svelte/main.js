// Svelte as `npm create vite` lays it out. Trailmark comes first; then the address is cleaned.
import './trailmark.js';

import { mount } from 'svelte';

import App from './App.svelte';

history.replaceState(null, '', '/');
mount(App, { target: document.querySelector('#app') });
