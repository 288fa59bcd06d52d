/** The command palette: every page, what was asked lately, and what can be done, by typing. */
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { HistoryService } from "../../gen/enhanced_prompt/v1/history_service_pb";
import { conversationPath, questionPath } from "../addresses";
import { useApp } from "../context";
import { navigate } from "../router";
import { ROUTES } from "../routes";
import { setTheme } from "../theme";
import { many } from "../ui/format";
import { Icon, type IconName } from "../ui/icon";

interface Command {
  key: string;
  icon: IconName;
  title: string;
  words: string;
  hint?: string;
  run: () => void;
}

const RECENT = 8;

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes it; a click beside it does so too
    <dialog
      ref={dialog}
      className="modal palette"
      aria-label="Commands"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      {open && <Content onClose={onClose} />}
    </dialog>
  );
}

function Content({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const listId = useId();
  const commands = useCommands();
  const asked = typed.trim();
  const found = useMemo(() => {
    const wanted = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = commands.filter((one) => {
      const text = `${one.title} ${one.words}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    if (!asked) return hits;
    const ask: Command = {
      key: "ask",
      icon: "ask",
      title: `Ask “${asked}”`,
      words: "",
      run: () => navigate(questionPath(asked)),
    };
    return [...hits, ask];
  }, [commands, asked]);
  const chosen = Math.min(at, found.length - 1);

  const run = (command: Command | undefined) => {
    onClose();
    command?.run();
  };
  const pressed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + found.length) % Math.max(1, found.length));
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      run(found[chosen]);
    }
  };
  return (
    <>
      <input
        // biome-ignore lint/a11y/noAutofocus: it was opened to type into
        autoFocus
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={found[chosen] ? `${listId}-${found[chosen].key}` : undefined}
        aria-label="Search commands"
        placeholder="Go to a page, open a conversation, or ask …"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={pressed}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a list box of a combo box */}
      <ul id={listId} role="listbox" aria-label="Commands">
        {found.map((one, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above handles keys
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus, and points at it
          <li
            key={one.key}
            id={`${listId}-${one.key}`}
            // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: as above
            role="option"
            aria-selected={index === chosen}
            ref={index === chosen ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined}
            onMouseMove={() => setAt(index)}
            onClick={() => run(one)}
          >
            <Icon name={one.icon} />
            <span className="cut">{one.title}</span>
            {one.hint && <span className="hint">{one.hint}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}

function useCommands(): Command[] {
  const { client, session, realtime } = useApp();
  const [recent, setRecent] = useState<Command[]>([]);
  useEffect(() => {
    const leave = new AbortController();
    if (!realtime.link.isConnected) return;
    client
      .unary(HistoryService.method.listConversations, { pageSize: RECENT }, { signal: leave.signal })
      .then((page) =>
        setRecent(
          page.conversations.map((one) => ({
            key: `conversation-${one.conversationId}`,
            icon: "history",
            title: one.title,
            words: "conversation recent",
            hint: many(one.turns, "turn"),
            run: () => navigate(conversationPath(one.conversationId)),
          })),
        ),
      )
      .catch(() => {
        // the pages are there all the same
      });
    return () => leave.abort();
  }, [client, realtime]);
  return useMemo(() => {
    const pages = ROUTES.map(
      (one): Command => ({
        key: `page-${one.path}`,
        icon: one.icon,
        title: one.title,
        words: `page go ${one.words}`,
        hint: "Page",
        run: () => navigate(one.path),
      }),
    );
    const look = (title: string, icon: IconName, theme: "light" | "dark" | "system"): Command => ({
      key: `theme-${theme}`,
      icon,
      title,
      words: "theme appearance colour",
      run: () => setTheme(theme),
    });
    const rest: Command[] = [
      {
        key: "new",
        icon: "plus",
        title: "New question",
        words: "ask conversation",
        hint: "/",
        run: () => navigate("/ask"),
      },
      look("Light appearance", "sun", "light"),
      look("Dark appearance", "moon", "dark"),
      look("Appearance of the system", "system", "system"),
    ];
    if (session.token)
      rest.push({ key: "out", icon: "out", title: "Sign out", words: "leave", run: () => session.signOut() });
    return [...pages, ...rest, ...recent];
  }, [recent, session]);
}
