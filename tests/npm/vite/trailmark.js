// Where this application meets Trailmark: one object, made before the router is. What the address says is given by the tests.
import { init } from 'trailmark';

export const trailmark = init({ site: 'acme', consent: 'granted', debug: true });
