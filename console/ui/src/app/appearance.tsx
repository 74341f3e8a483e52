import { StyleProvider } from "@ant-design/cssinjs";
import { App as AntApp, ConfigProvider } from "antd";
import type { Locale } from "antd/es/locale";
import enGB from "antd/es/locale/en_GB";
import zhCN from "antd/es/locale/zh_CN";
import { createContext, type ReactNode, useContext, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { createFormat, type Format, type Lang } from "@/lib/format";
import { usePreferences } from "@/lib/prefs";
import { useMedia } from "@/lib/useMedia";
import { antdThemeFor, applyPalette, type Mode } from "./theme";

const ModeContext = createContext<Mode>("light");
const FormatContext = createContext<Format>(createFormat("en", "UTC"));

/** Light or dark, as it is now. */
export const useMode = () => useContext(ModeContext);
/** Numbers and times for the shown language and the workspace's time zone. */
export const useFormat = () => useContext(FormatContext);

const antdLocales: Record<Lang, Locale> = { "zh-CN": zhCN, en: enGB };

/** Theme, component locale and formats around the whole console. */
export function Appearance({ timeZone, children }: { timeZone: string; children: ReactNode }) {
  const { i18n } = useTranslation();
  const { theme } = usePreferences();
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const mode: Mode = theme === "system" ? (systemDark ? "dark" : "light") : theme;
  const lang: Lang = i18n.language === "zh-CN" ? "zh-CN" : "en";
  const still = useMedia("(prefers-reduced-motion: reduce)");
  const antdTheme = useMemo(() => antdThemeFor(mode, !still), [mode, still]);
  const format = useMemo(() => createFormat(lang, timeZone), [lang, timeZone]);
  useEffect(() => applyPalette(mode), [mode]);
  return (
    <ModeContext.Provider value={mode}>
      <FormatContext.Provider value={format}>
        <StyleProvider layer>
          <ConfigProvider
            theme={antdTheme}
            locale={antdLocales[lang]}
            wave={{ disabled: true }}
            button={{ autoInsertSpace: false }}
          >
            <AntApp component={false} message={{ maxCount: 3 }}>
              {children}
            </AntApp>
          </ConfigProvider>
        </StyleProvider>
      </FormatContext.Provider>
    </ModeContext.Provider>
  );
}
