export function CataloguePage() {
  return <div className="page">CataloguePage</div>;
}
