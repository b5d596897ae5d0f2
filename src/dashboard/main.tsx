/** Where the page begins. */
import { render } from 'preact';
import { App } from './app.js';
import { Live } from './live.js';
import 'uplot/dist/uPlot.min.css';
import './style.css';

const live = new Live();
const root = document.getElementById('app');
if (root !== null) render(<App live={live} />, root);
void live.refresh();
