// Where an application meets Trailmark, as the README of the package has it.
import { init } from 'trailmark';

export const trailmark = init({ site: 'acme', consent: 'granted' });
