/** The app's icons: 16 by 16, drawn with one line. */

const PATHS = {
  ask: "M2.5 3.500h11v7.500h-6l-3 2.500v-2.500h-2z",
  insights:
    "M8 2v1.500M8 12.500v1M3.800 3.800l1 1M12.200 3.800l-1 1M2 8h1.500M12.500 8h1.500M5.300 9.800a3.500 3.500 0 1 1 5.400 0c-.5.6-.7 1-.7 1.700H6c0-.7-.2-1.100-.7-1.700Z",
  metrics: "M1.500 8.500h3l2-5 3 9 2-4h3",
  timeline: "M2 3v10.500h12M5 11V8M8 11V4.500M11 11V6.500",
  dashboard: "M2.500 2.500h4.500v5h-4.500zM9 2.500h4.500v3h-4.500zM2.500 9.500h4.500v4h-4.500zM9 7.500h4.500v6h-4.500z",
  history: "M2.500 3v3h3M2.800 6a5.500 5.500 0 1 1-.3 3M8 5v3.300l2.200 1.400",
  templates: "M3.500 1.800h6l3 3v9.400h-9zM9.200 2v3h3M5.800 8h4.400M5.800 10.700h4.400",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM10.300 10.300 14 14",
  send: "M8 13.500v-11M3.500 7 8 2.500 12.500 7",
  stop: "M4 4h8v8H4z",
  wand: "M2.500 13.500 9.500 6.500M11.500 1.800v3M10 3.300h3M13 8.500v2M12 9.500h2M5.500 2.500v2M4.500 3.500h2",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.500 6.500 12 13 4.500",
  warning: "M8 2.200 14.300 13H1.700zM8 6.500v3M8 11.200v.2",
  offline:
    "M2 2l12 12M4.200 8.300a6 6 0 0 1 1.900-1.200M9 7a6 6 0 0 1 2.800 1.300M2 6a9 9 0 0 1 2.600-1.600M7.300 3.700A9 9 0 0 1 14 6M6.500 10.700a2.500 2.500 0 0 1 2.600-.2M8 13v.1",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.500v1M8 13.500v1M1.500 8h1M13.500 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M12.600 3.400l-.7.7M4.100 11.900l-.7.7",
  moon: "M13.200 9.700A5.700 5.700 0 0 1 6.300 2.800a5.700 5.700 0 1 0 6.900 6.900Z",
  system: "M2 3h12v8H2zM6 14h4M8 11v3",
  clip: "M2 3.500h12v9H2zM6.700 6v4l3.300-2z",
  chevron: "M6 4l4 4-4 4",
  back: "M10 4l-4 4 4 4",
  user: "M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8ZM3 13.700c.5-2.500 2.500-3.900 5-3.900s4.500 1.400 5 3.900",
  out: "M6.500 2.500h-4v11h4M10 5l3 3-3 3M13 8H6",
  bell: "M8 2a4 4 0 0 0-4 4c0 3-1.200 4.200-1.500 5h11C13.200 10.200 12 9 12 6a4 4 0 0 0-4-4ZM6.700 13.300a1.500 1.500 0 0 0 2.600 0",
  mute: "M4 6c0-.7.2-1.300.4-1.900M6 2.500A4 4 0 0 1 12 6c0 1 .1 1.900.4 2.600M11 11H2.500C2.800 10.200 4 9 4 6M6.700 13.300a1.500 1.500 0 0 0 2.600 0M2 2l12 12",
  camera: "M1.800 4.500h8.400v7H1.800zM10.200 7l4-2v6l-4-2",
  trash: "M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.5 9h6l.5-9",
  download: "M8 2.500v7.500M4.500 7 8 10.500 11.500 7M2.500 13.500h11",
  edit: "M3 13l.6-2.800L11 2.800l2.200 2.200-7.400 7.400z",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration: what it means stands beside it, or in the button's label. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of the product. */
export function Mark() {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.9"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M2.500 12C5 7.500 8.200 5.200 12 5.200S19 7.500 21.500 12C19 16.500 15.800 18.800 12 18.800S5 16.500 2.500 12Z" />
      <circle cx="12" cy="12" r="3" fill="currentColor" stroke="none" />
    </svg>
  );
}
