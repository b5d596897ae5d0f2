/**
 * Who works with the keyboard must not be thrown back to the top of the page: a button that goes away because something has
 * changed (Pause, when the backfill is done) leaves the focus to the heading of its card.
 */
import { useEffect, useRef } from 'preact/hooks';

export function useKeptFocus(): void {
  const last = useRef<{ element: Element; card: Element | null } | null>(null);
  useEffect(() => {
    const focused = ({ target }: FocusEvent): void => {
      if (target instanceof Element) last.current = { element: target, card: target.closest('dialog, section') };
    };
    // a click beside everything gives the focus up on purpose
    const pressed = (): void => {
      last.current = null;
    };
    document.addEventListener('focusin', focused);
    document.addEventListener('pointerdown', pressed);
    return () => {
      document.removeEventListener('focusin', focused);
      document.removeEventListener('pointerdown', pressed);
    };
  }, []);
  // after every rendering
  useEffect(() => {
    const { element, card } = last.current ?? {};
    if (element === undefined || element.isConnected || document.activeElement !== document.body) return;
    const heading = card?.querySelector('h2');
    if (heading === null || heading === undefined) return;
    heading.tabIndex = -1;
    heading.focus();
  });
}
