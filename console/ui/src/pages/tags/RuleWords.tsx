import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { segmentsQuery } from "@/api/queries";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { formatJson } from "@/lib/json";
import { readRule } from "@/lib/rule";

/** A rule in words; one that asks about a segment leads there. */
export function RuleWords({ rule }: { rule: Record<string, unknown> }) {
  const words = useRuleWords();
  const segments = useQuery(segmentsQuery).data?.items;
  const segment = segments?.find((s) => s.id === rule.segment);
  if (segment && Object.keys(rule).length === 1)
    return (
      <Link to="/segments/$id" params={{ id: segment.id }} className="door">
        {segment.name}
      </Link>
    );
  const read = readRule(rule);
  return "rule" in read ? <span>{words.rule(read.rule)}</span> : <code>{formatJson(rule)}</code>;
}
