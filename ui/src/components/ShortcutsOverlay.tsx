import { Dialog } from "./Dialog";
import { useShortcutGroups } from "./shortcuts";
import styles from "./ShortcutsOverlay.module.css";

/** What the keyboard does on this page. */
export function ShortcutsOverlay({ onClose }: { onClose: () => void }) {
  const groups = useShortcutGroups();
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div className={styles.groups}>
        {groups.map((group) => (
          <section key={group.title} aria-label={group.title}>
            <h3>{group.title}</h3>
            <dl className={styles.list}>
              {group.shortcuts.map((shortcut) => (
                <div key={shortcut.does} className={styles.entry}>
                  <dt>{shortcut.does}</dt>
                  <dd>
                    {shortcut.keys.map((key, index) => (
                      <span key={key}>
                        {index > 0 && " or "}
                        <kbd className={styles.key}>{key}</kbd>
                      </span>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
