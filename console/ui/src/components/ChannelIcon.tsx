import { Tooltip } from "antd";
import {
  Car,
  CircleDot,
  FileUp,
  Globe,
  Headset,
  type LucideIcon,
  MessagesSquare,
  Newspaper,
  Server,
  Smartphone,
  Store,
  UsersRound,
} from "lucide-react";
import { useLabels } from "@/lib/labels";
import "./person.css";

const icons: Record<string, LucideIcon> = {
  web: Globe,
  app: Smartphone,
  mobile: Smartphone,
  server: Server,
  mini_program: MessagesSquare,
  official_account: Newspaper,
  community: UsersRound,
  store: Store,
  call_center: Headset,
  device: Car,
  vehicle: Car,
  import: FileUp,
};

export function ChannelIcon({ channel, size = 15 }: { channel: string; size?: number }) {
  const labels = useLabels();
  const Icon = icons[channel] ?? CircleDot;
  return (
    <Tooltip title={labels.channel(channel)}>
      <span className="channel" role="img" aria-label={labels.channel(channel)}>
        <Icon size={size} strokeWidth={1.6} aria-hidden="true" />
      </span>
    </Tooltip>
  );
}

export function ChannelIcons({ channels }: { channels: readonly string[] }) {
  if (channels.length === 0) return <span className="muted">–</span>;
  return (
    <span className="channels">
      {channels.slice(0, 5).map((c) => (
        <ChannelIcon key={c} channel={c} />
      ))}
    </span>
  );
}
