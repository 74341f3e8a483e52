import { Segmented } from "antd";
import { useTranslation } from "react-i18next";
import { changeLang, languages, pickLang } from "@/i18n";
import { setPreferences, usePreferences } from "@/lib/prefs";

/** How the console looks to one person. */
export function Appearance() {
  const { t } = useTranslation();
  const { theme, lang } = usePreferences();
  return (
    <div className="settings-form stack">
      <div>
        <h3>{t("settings.appearance.theme")}</h3>
        <Segmented
          value={theme}
          onChange={(v) => setPreferences({ theme: v })}
          options={(["system", "light", "dark"] as const).map((v) => ({
            value: v,
            label: t(`appearance.${v}`),
          }))}
        />
      </div>
      <div>
        <h3>{t("settings.appearance.lang")}</h3>
        <Segmented
          value={lang}
          onChange={(v) => {
            setPreferences({ lang: v });
            void changeLang(pickLang(v, navigator.languages));
          }}
          options={[
            { value: "auto" as const, label: t("settings.appearance.auto") },
            ...languages.map((l) => ({ value: l.lang, label: l.name })),
          ]}
        />
      </div>
      <p className="muted">{t("settings.appearance.hint")}</p>
    </div>
  );
}
