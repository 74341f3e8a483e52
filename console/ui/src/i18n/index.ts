import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import type { Lang } from "@/lib/format";
import type { en } from "./en";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

export const languages: readonly { lang: Lang; name: string }[] = [
  { lang: "zh-CN", name: "简体中文" },
  { lang: "en", name: "English" },
];

/** The language to show: the person's choice, else the first of the browser's that we speak. */
export function pickLang(choice: "auto" | Lang, browser: readonly string[]): Lang {
  if (choice !== "auto") return choice;
  for (const b of browser) {
    if (b.toLowerCase().startsWith("zh")) return "zh-CN";
    if (b.toLowerCase().startsWith("en")) return "en";
  }
  return "en";
}

// Only the language that is shown is loaded.
const load: Record<Lang, () => Promise<object>> = {
  "zh-CN": () => import("./zh").then((m) => m.zh),
  en: () => import("./en").then((m) => m.en),
};

/** Starts with the language's texts, or with others in their place. */
export async function startI18n(lang: Lang, texts = load[lang]): Promise<i18n> {
  await i18next.use(initReactI18next).init({
    lng: lang,
    fallbackLng: false,
    resources: { [lang]: { translation: await texts() } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  if (typeof document !== "undefined") document.documentElement.lang = lang;
  return i18next;
}

export async function changeLang(lang: Lang): Promise<void> {
  if (!i18next.hasResourceBundle(lang, "translation")) {
    i18next.addResourceBundle(lang, "translation", await load[lang]());
  }
  await i18next.changeLanguage(lang);
  document.documentElement.lang = lang;
}
