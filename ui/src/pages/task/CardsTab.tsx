import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import type { TaskCard } from "@/api/schema";
import { one } from "@/app/search";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { EmptyState, ErrorState, Skeleton } from "@/components/States";
import { Time } from "@/components/Time";
import { Untrusted } from "@/components/Untrusted";
import { CardFrame } from "./CardFrame";
import styles from "./CardsTab.module.css";
import { addressOf, type TaskAddress } from "./address";
import { cardLabels } from "./cards";
import { cardsQuery } from "./queries";

interface CardsTabProps {
  task: TaskAddress;
  attempt: number;
  isRunning: boolean;
}

/** The cards of a task, each in a frame that cannot reach this page. */
export function CardsTab({ task, attempt, isRunning }: CardsTabProps) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const query = useQuery(cardsQuery(task, attempt, isRunning));
  if (query.isError && query.data === undefined) {
    return <ErrorState title="The cards cannot be listed" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) return <Skeleton height="24rem" />;
  const { cards } = query.data;
  const wanted = one(search, "card");
  const card = cards.find((each) => each.hash === wanted) ?? cards[0];
  if (card === undefined) return <NoCards isRunning={isRunning} />;
  return (
    <CardView
      task={task}
      attempt={attempt}
      cards={cards}
      card={card}
      onSelect={(hash) =>
        void navigate({ to: ".", search: (before) => ({ ...before, card: hash }), replace: true, resetScroll: false })
      }
    />
  );
}

interface CardViewProps {
  task: TaskAddress;
  attempt: number;
  cards: readonly TaskCard[];
  card: TaskCard;
  onSelect: (hash: string) => void;
}

function CardView({ task, attempt, cards, card, onSelect }: CardViewProps) {
  const frame = useRef<HTMLDivElement>(null);
  const labels = cardLabels(cards);
  const label = labels.get(card.hash) ?? card.type;
  const address = (more: Record<string, string>) => addressOf("card", task, attempt, { card: card.hash, ...more });
  return (
    <div className={styles.tab}>
      <div className={styles.tools}>
        {cards.length > 1 && (
          <div role="group" aria-label="Cards" className={styles.cards}>
            {cards.map((each) => (
              <button
                key={each.hash}
                type="button"
                className={styles.card}
                aria-pressed={each.hash === card.hash}
                onClick={() => onSelect(each.hash)}
              >
                <Untrusted text={labels.get(each.hash) ?? each.type} />
              </button>
            ))}
          </div>
        )}
        <span className={styles.note}>
          {card.from_task !== null && (
            <>
              of <Untrusted text={card.from_task} />,{" "}
            </>
          )}
          {card.is_live ? "live, last stored " : "stored "}
          <Time at={card.modified_at} />
        </span>
        <span className={styles.actions}>
          <Button kind="quiet" onClick={() => void frame.current?.requestFullscreen().catch(() => undefined)}>
            <Icon name="expand" size={14} /> Full screen
          </Button>
          <a href={address({})} target="_blank" rel="noopener noreferrer" className={styles.link}>
            <Icon name="external" size={14} /> Alone
          </a>
          <a href={address({ download: "true" })} download className={styles.link}>
            <Icon name="download" size={14} /> Download
          </a>
        </span>
      </div>
      <div ref={frame} className={styles.frame}>
        <CardFrame key={card.hash} task={task} attempt={attempt} card={card} title={`Card ${label}`} />
      </div>
    </div>
  );
}

function NoCards({ isRunning }: { isRunning: boolean }) {
  if (isRunning) {
    return (
      <EmptyState icon="running" title="No cards yet">
        A card appears here as soon as the task refreshes one, or at its end.
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No cards">
      A step with <code>@card</code> leaves a report here. Nothing else needs to change: try{" "}
      <code>run --with card</code>.
    </EmptyState>
  );
}
