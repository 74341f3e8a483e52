import { useTranslation } from "react-i18next";
import type { Household } from "@/api/types";
import { PersonLink } from "@/components/PersonLink";
import { Pill } from "@/components/Pill";

/** Below this age people are protected; the server's ChildAge. */
export const childAge = 14;

type Member = Pick<Household["members"][number], "id" | "name" | "roles" | "child">;

/** A member's name that leads to their page; a child of whom no name is shown is called one. */
export function MemberName({ member, avatar }: { member: Member; avatar?: boolean }) {
  const { t } = useTranslation();
  const name = member.name ?? (member.child ? t("households.hiddenChild") : null);
  return <PersonLink person={{ id: member.id, name }} avatar={avatar === true} />;
}

/** What a member does in the household. */
export function Roles({ member }: { member: Member }) {
  const { t } = useTranslation();
  return (
    <span className="household-roles">
      {member.roles.map((r) => (
        <Pill key={r} tone={r === "payer" ? "gold" : "plain"}>
          {t(`households.role.${r}`)}
        </Pill>
      ))}
      {member.child && <Pill tone="warn">{t("households.child", { n: childAge })}</Pill>}
    </span>
  );
}
