export function DebuggerPage() {
  return <div className="page">DebuggerPage</div>;
}
