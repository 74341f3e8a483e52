export const plans = {
  nav: {},
};
