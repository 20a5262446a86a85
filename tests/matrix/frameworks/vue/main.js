// Vue as `npm create vite` lays it out. Trailmark comes first; then the address is cleaned.
import './trailmark.js';

import { createApp } from 'vue';

import App from './App.vue';

history.replaceState(null, '', '/');
createApp(App).mount('#app');
