export function ImportsPage() {
  return <div className="page">ImportsPage</div>;
}
