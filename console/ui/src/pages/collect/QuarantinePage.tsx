export function QuarantinePage() {
  return <div className="page">QuarantinePage</div>;
}
