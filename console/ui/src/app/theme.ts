import { theme as antdTheme, type ThemeConfig } from "antd";

/**
 * The design language in one file. A touchstone is a dark stone on which gold leaves its streak: basalt greys, one
 * gold accent, green and red only for good and bad, and the Okabe–Ito palette (safe for colour-blind readers) in
 * charts. Everything else (Ant Design's tokens, the CSS variables `--ts-*`, ECharts' theme) is derived from here.
 */
export type Mode = "light" | "dark";

export interface Palette {
  /** The page behind everything. */
  ground: string;
  /** Cards, tables, inputs. */
  surface: string;
  /** Menus, drawers, tooltips: above a surface. */
  raised: string;
  /** Code, table headers, wells: below a surface. */
  sunken: string;
  hover: string;
  line: string;
  lineStrong: string;
  text: string;
  text2: string;
  /** The weakest text; still AA (4.5:1) on ground and surface. */
  text3: string;
  /** Filled gold: the primary button, the streak. Text on it is `onGold`. */
  gold: string;
  goldHover: string;
  goldActive: string;
  onGold: string;
  /** Gold as text, AA on surface. */
  goldText: string;
  /** Gold as a line or mark, 3:1 on surface. */
  goldLine: string;
  goldSoft: string;
  good: string;
  goodSoft: string;
  bad: string;
  badSoft: string;
  warn: string;
  warnSoft: string;
  shadow: string;
}

export const palettes: Record<Mode, Palette> = {
  light: {
    ground: "#f6f5f2",
    surface: "#ffffff",
    raised: "#ffffff",
    sunken: "#f1f0ec",
    hover: "#eeece7",
    line: "#e4e2dc",
    lineStrong: "#cbc8bf",
    text: "#1c1c1a",
    text2: "#54534c",
    text3: "#6d6b63",
    gold: "#dcae3c",
    goldHover: "#e5bc55",
    goldActive: "#c99a28",
    onGold: "#1c1c1a",
    goldText: "#7a5a0a",
    goldLine: "#b18219",
    goldSoft: "#faf3df",
    good: "#1d7a4b",
    goodSoft: "#e6f3ec",
    bad: "#b42318",
    badSoft: "#fbeae8",
    warn: "#9a5208",
    warnSoft: "#faefe2",
    shadow: "0 1px 2px rgb(28 28 26 / 5%), 0 12px 32px -8px rgb(28 28 26 / 18%)",
  },
  dark: {
    ground: "#141413",
    surface: "#1c1c1a",
    raised: "#242422",
    sunken: "#111110",
    hover: "#2a2a27",
    line: "#30302d",
    lineStrong: "#4a4a45",
    text: "#eceae4",
    text2: "#b6b3aa",
    text3: "#94918a",
    gold: "#dcae3c",
    goldHover: "#e8c266",
    goldActive: "#c99a28",
    onGold: "#1c1c1a",
    goldText: "#e3ba4e",
    goldLine: "#dcae3c",
    goldSoft: "#322a14",
    good: "#62c38f",
    goodSoft: "#16281e",
    bad: "#f28b80",
    badSoft: "#331b18",
    warn: "#e5a35c",
    warnSoft: "#2f2314",
    shadow: "0 1px 2px rgb(0 0 0 / 40%), 0 12px 32px -8px rgb(0 0 0 / 70%)",
  },
};

/** The dark stone of the Overview's head and of the sign-in page: the same in both modes. */
export const stone = {
  ground: "#20201e",
  deep: "#171716",
  well: "#111110",
  light: "#2e2e2b",
  mark: "#6a6a63",
  line: "#3a3a36",
  text: "#f0eee8",
  text2: "#b3b0a7",
  gold: "#e2b949",
};

/** Grounds of people's initials, told apart by a shade of basalt; `stone.text` stands on them. */
export const avatarShades = ["#54534c", "#6b5a34", "#4a5754", "#5d4f58"] as const;

/** Okabe–Ito, ordered so that neighbours differ in lightness too. */
export const chartPalette: Record<Mode, readonly string[]> = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#6d6b63", "#c9b800"],
  dark: ["#56b4e9", "#e69f00", "#00b386", "#cc79a7", "#3d8fd1", "#e8743b", "#94918a", "#f0e442"],
};

export const radius = 6;
export const fontSans =
  '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';
export const fontMono =
  'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", "Noto Sans Mono CJK SC", monospace';

/** Icons of the six call types and of channels take their colour from the chart palette by a stable index. */
export function chartColor(mode: Mode, index: number): string {
  const p = chartPalette[mode];
  return p[index % p.length] as string;
}

export function antdThemeFor(mode: Mode, motion = true): ThemeConfig {
  const p = palettes[mode];
  return {
    algorithm: mode === "dark" ? antdTheme.darkAlgorithm : antdTheme.defaultAlgorithm,
    cssVar: { key: "ts" },
    hashed: false,
    token: {
      colorPrimary: p.goldLine,
      colorPrimaryHover: p.goldLine,
      colorPrimaryActive: p.goldActive,
      colorPrimaryBg: p.goldSoft,
      colorPrimaryBgHover: p.goldSoft,
      colorPrimaryBorder: p.goldLine,
      colorPrimaryBorderHover: p.goldLine,
      colorPrimaryText: p.goldText,
      colorPrimaryTextHover: p.goldText,
      colorPrimaryTextActive: p.goldText,
      colorInfo: p.text2,
      colorInfoBg: p.sunken,
      colorInfoBorder: p.line,
      colorLink: p.goldText,
      colorLinkHover: p.goldLine,
      colorLinkActive: p.goldText,
      colorSuccess: p.good,
      colorSuccessBg: p.goodSoft,
      colorError: p.bad,
      colorErrorBg: p.badSoft,
      colorErrorText: p.bad,
      colorWarning: p.warn,
      colorWarningBg: p.warnSoft,
      colorText: p.text,
      colorTextSecondary: p.text2,
      colorTextTertiary: p.text3,
      colorTextQuaternary: p.text3,
      colorTextPlaceholder: p.text3,
      colorTextDescription: p.text3,
      colorTextLightSolid: mode === "dark" ? p.onGold : "#ffffff",
      colorBgBase: p.surface,
      colorBgLayout: p.ground,
      colorBgContainer: p.surface,
      colorBgElevated: p.raised,
      colorBgSpotlight: mode === "dark" ? "#3a3a36" : "#2b2b29",
      colorBorder: p.lineStrong,
      colorBorderSecondary: p.line,
      colorSplit: p.line,
      colorFillAlter: p.sunken,
      colorBgMask: mode === "dark" ? "rgb(0 0 0 / 55%)" : "rgb(28 28 26 / 26%)",
      controlItemBgHover: p.hover,
      controlItemBgActive: p.goldSoft,
      controlItemBgActiveHover: p.goldSoft,
      controlOutline: `color-mix(in srgb, ${p.gold} 30%, transparent)`,
      fontFamily: fontSans,
      fontFamilyCode: fontMono,
      fontSize: 13,
      fontSizeSM: 12,
      fontSizeLG: 14,
      fontSizeHeading1: 24,
      fontSizeHeading2: 20,
      fontSizeHeading3: 16,
      fontSizeHeading4: 14,
      fontSizeHeading5: 13,
      borderRadius: radius,
      borderRadiusLG: radius,
      borderRadiusSM: radius - 2,
      borderRadiusXS: radius - 2,
      controlHeight: 32,
      controlHeightSM: 28,
      controlHeightLG: 40,
      boxShadow: p.shadow,
      boxShadowSecondary: p.shadow,
      boxShadowTertiary: "none",
      motionDurationFast: "80ms",
      motionDurationMid: "120ms",
      motionDurationSlow: "150ms",
      wireframe: false,
      motion,
    },
    components: {
      Button: {
        colorPrimary: p.gold,
        colorPrimaryHover: p.goldHover,
        colorPrimaryActive: p.goldActive,
        primaryColor: p.onGold,
        colorTextLightSolid: p.onGold,
        primaryShadow: "none",
        defaultShadow: "none",
        dangerShadow: "none",
        dangerColor: mode === "dark" ? p.onGold : "#ffffff",
        defaultHoverBorderColor: p.text3,
        defaultHoverColor: p.text,
        defaultActiveBorderColor: p.text2,
        defaultActiveColor: p.text,
        fontWeight: 500,
        paddingInline: 12,
        paddingInlineSM: 8,
      },
      Table: {
        headerBg: p.surface,
        headerColor: p.text3,
        headerSplitColor: "transparent",
        headerSortActiveBg: p.surface,
        headerSortHoverBg: p.hover,
        bodySortBg: "transparent",
        rowHoverBg: p.hover,
        rowSelectedBg: p.goldSoft,
        rowSelectedHoverBg: p.goldSoft,
        borderColor: p.line,
        cellPaddingBlock: 4,
        cellPaddingBlockMD: 4,
        cellPaddingInline: 12,
        cellPaddingInlineMD: 12,
        cellFontSize: 13,
        cellFontSizeMD: 13,
      },
      Tabs: {
        itemColor: p.text2,
        itemHoverColor: p.text,
        itemActiveColor: p.text,
        itemSelectedColor: p.text,
        inkBarColor: p.gold,
        horizontalItemPadding: "10px 0",
        horizontalItemGutter: 24,
        titleFontSize: 13,
      },
      Checkbox: { colorPrimary: p.goldLine, colorWhite: mode === "dark" ? p.onGold : "#ffffff" },
      Segmented: {
        itemSelectedBg: mode === "dark" ? "#45453f" : p.surface,
        trackBg: mode === "dark" ? p.hover : "#e9e7e1",
        itemColor: p.text2,
        itemSelectedColor: p.text,
      },
      Select: { optionSelectedBg: p.goldSoft, optionSelectedFontWeight: 500 },
      Input: { activeBorderColor: p.goldLine, hoverBorderColor: p.text3 },
      InputNumber: { activeBorderColor: p.goldLine, hoverBorderColor: p.text3 },
      DatePicker: { activeBorderColor: p.goldLine, hoverBorderColor: p.text3 },
      Drawer: { paddingLG: 24, footerPaddingInline: 24, footerPaddingBlock: 12 },
      // What is chosen in a menu is marked quietly: gold is for what matters on the page.
      Dropdown: {
        colorPrimary: p.text,
        controlItemBgActive: p.hover,
        controlItemBgActiveHover: p.hover,
        paddingBlock: 5,
      },
      Tooltip: { fontSize: 12, colorTextLightSolid: "#f5f4f0" },
      Modal: { titleFontSize: 15 },
      Form: { labelColor: p.text2, verticalLabelPadding: "0 0 4px", itemMarginBottom: 20 },
      Switch: { colorPrimary: p.goldLine, colorPrimaryHover: p.goldLine },
    },
  };
}

/** Writes the palette as CSS variables; style sheets use only these. */
export function applyPalette(mode: Mode, root: HTMLElement = document.documentElement): void {
  root.dataset.theme = mode;
  root.style.colorScheme = mode;
  for (const [name, value] of Object.entries(palettes[mode])) {
    root.style.setProperty(`--ts-${kebab(name)}`, value);
  }
  for (const [name, value] of Object.entries(stone)) {
    root.style.setProperty(`--ts-stone-${kebab(name)}`, value);
  }
  chartPalette[mode].forEach((c, i) => {
    root.style.setProperty(`--ts-chart-${i}`, c);
  });
  avatarShades.forEach((c, i) => {
    root.style.setProperty(`--ts-avatar-${i}`, c);
  });
  root.style.setProperty("--ts-radius", `${radius}px`);
  root.style.setProperty("--ts-sans", fontSans);
  root.style.setProperty("--ts-mono", fontMono);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]|\d/g, (c) => (/\d/.test(c) ? c : `-${c.toLowerCase()}`));
}
