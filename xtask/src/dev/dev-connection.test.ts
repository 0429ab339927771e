import { expect, test } from 'vitest';
import { checkoutLabel, checkoutOf, refuseOtherCheckout } from './dev-connection.ts';

test.each(['/home/me/bootc', '/home/me/a, b/100%'])(
  'the label of the checkout %s is one label, and says it',
  (checkout) => {
    const label = checkoutLabel(checkout);
    expect(label).not.toContain(',');
    expect(checkoutOf({ labels: ['bootc.dev=1', label] })).toBe(checkout);
  },
);

test('a VM of another checkout is refused, one that says nothing is not', () => {
  const vm = { labels: [checkoutLabel('/home/me/a')] };
  expect(() => refuseOtherCheckout(vm, '/home/me/b')).toThrow(
    expect.objectContaining({ code: 'DEV_VM_OTHER_CHECKOUT', message: expect.stringContaining('/home/me/a') }),
  );
  refuseOtherCheckout(vm, '/home/me/a');
  refuseOtherCheckout({ labels: [] }, '/home/me/b');
});
